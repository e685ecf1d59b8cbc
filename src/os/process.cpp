#include <lonc/os/process.hpp>

#include <lonc/core/base/text.hpp>
#include <lonc/os/files.hpp>
#include <lonc/os/unique_fd.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <sstream>
#include <utility>

namespace lonc::os {

std::optional<Process> find_process(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  const UniqueFd fd{::open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) return std::nullopt;
  // Fails with ESRCH when the process ends between the two calls.
  std::string text;
  if (read_some(fd.get(), 256, text)) return std::nullopt;
  // "PID (NAME) STATE ...": NAME itself may contain parentheses, but nothing after it does.
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open || close + 2 >= text.size())
    return std::nullopt;
  const char state = text[close + 2];
  if (state == 'Z' || state == 'X') return std::nullopt;
  return Process{.name = text.substr(open + 1, close - open - 1), .is_stopped = state == 'T' || state == 't'};
}

std::optional<std::string> process_name(pid_t pid) {
  auto process = find_process(pid);
  return process ? std::optional(std::move(process->name)) : std::nullopt;
}

std::optional<pid_t> lock_holder(std::string_view proc_locks, ino_t inode) {
  std::istringstream lines{std::string(proc_locks)};
  for (std::string line; std::getline(lines, line);) {
    // "12: FLOCK  ADVISORY  WRITE 4711 08:01:131090 0 EOF"; "->" precedes a lock that is waited for. Devices are not
    // compared: on some file systems stat(2) reports a different one.
    std::istringstream text(line);
    std::array<std::string, 6> words;
    for (std::string& word : words) text >> word;
    const auto& [number, kind, obligation, mode, pid, file] = words;
    if (!text || kind != "FLOCK") continue;
    if (core::number_in<ino_t>(file.substr(file.rfind(':') + 1)) == inode) return core::number_in<pid_t>(pid);
  }
  return std::nullopt;
}

}  // namespace lonc::os
