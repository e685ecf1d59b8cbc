#include <lonc/app/process_info.hpp>

#include <lonc/net/unique_fd.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace lonc::app {

std::optional<Process> find_process(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  const net::UniqueFd fd{::open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) return std::nullopt;
  // Fails with ESRCH when the process ends between the two calls.
  std::array<char, 256> buffer{};
  const ssize_t size = ::read(fd.get(), buffer.data(), buffer.size());
  if (size <= 0) return std::nullopt;
  const std::string_view text{buffer.data(), static_cast<std::size_t>(size)};
  // "PID (NAME) STATE ...", and NAME may hold parentheses itself; nothing after it does.
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open || close + 2 >= text.size()) {
    return std::nullopt;
  }
  const char state = text[close + 2];
  if (state == 'Z' || state == 'X') return std::nullopt;
  return Process{.name = std::string{text.substr(open + 1, close - open - 1)},
                 .is_stopped = state == 'T' || state == 't'};
}

std::optional<std::string> process_name(pid_t pid) {
  auto process = find_process(pid);
  return process ? std::optional(std::move(process->name)) : std::nullopt;
}

}  // namespace lonc::app
