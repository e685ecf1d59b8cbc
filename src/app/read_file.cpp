#include <lonc/app/read_file.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace lonc::app {

namespace {

constexpr std::size_t size_limit = std::size_t{64} * 1024 * 1024;

std::error_code last_error() { return {errno, std::generic_category()}; }

std::error_code read_all(int descriptor, std::string& text) {
  char buffer[65536];
  while (true) {
    const auto count = ::read(descriptor, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return last_error();
    if (count == 0) return {};
    text.append(buffer, static_cast<std::size_t>(count));
    if (text.size() > size_limit) return std::make_error_code(std::errc::file_too_large);
  }
}

}  // namespace

std::error_code read_file(const std::string& path, std::string& text) {
  text.clear();
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return last_error();
  const auto error = read_all(descriptor, text);
  ::close(descriptor);
  return error;
}

}  // namespace lonc::app
