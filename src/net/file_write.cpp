#include <lonc/net/file_write.hpp>

#include <unistd.h>

namespace lonc::net {

std::error_code write_all(int fd, std::string_view text, std::size_t* written) {
  if (written) *written = 0;
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return last_error();
    if (written) *written += static_cast<std::size_t>(count);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace lonc::net
