#include "standard_input.hpp"

#include "exit_code.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace lonc::ctl {

std::string read_standard_input(std::size_t limit) {
  constexpr std::size_t step = 64 * 1024;
  std::string text;
  while (text.size() < limit) {
    const std::size_t before = text.size();
    text.resize(std::min(limit, before + step));
    const ssize_t got = ::read(STDIN_FILENO, text.data() + before, text.size() - before);
    text.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) break;
    if (got < 0 && errno != EINTR)
      throw Failure(ExitCode::failed,
                    "standard input can not be read: " + std::error_code(errno, std::system_category()).message());
  }
  return text;
}

}  // namespace lonc::ctl
