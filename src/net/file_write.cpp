#include <lonc/net/file_write.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

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

std::error_code rename_without_replacing(int from, const std::string& name, int to, const std::string& new_name) {
  if (::renameat2(from, name.c_str(), to, new_name.c_str(), RENAME_NOREPLACE) == 0) return {};
  if (errno != EINVAL && errno != ENOSYS) return last_error();
  // A file system without that. Names in the spool are moved to by lonc alone, or have a process number in them.
  if (::faccessat(to, new_name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
    return std::make_error_code(std::errc::file_exists);
  return ::renameat(from, name.c_str(), to, new_name.c_str()) == 0 ? std::error_code() : last_error();
}

}  // namespace lonc::net
