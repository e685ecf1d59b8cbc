#include <lonc/app/process_info.hpp>

#include <lonc/core/number.hpp>
#include <lonc/net/unique_fd.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <system_error>
#include <utility>
#include <vector>

namespace lonc::app {

namespace {

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    const auto begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return words;
    line.remove_prefix(begin);
    const auto end = std::min(line.find_first_of(" \t"), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

}  // namespace

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

std::optional<pid_t> lock_holder(std::string_view proc_locks, ino_t inode) {
  constexpr std::size_t pid_word = 4;
  constexpr std::size_t file_word = 5;
  while (!proc_locks.empty()) {
    const auto end = std::min(proc_locks.find('\n'), proc_locks.size());
    const auto words = words_of(proc_locks.substr(0, end));
    proc_locks.remove_prefix(std::min(end + 1, proc_locks.size()));
    // "12: FLOCK  ADVISORY  WRITE 4711 08:01:131090 0 EOF"; "->" stands before one that waits. Devices are not
    // compared: on some file systems stat(2) names another one.
    if (words.size() <= file_word || words[1] != "FLOCK") continue;
    const std::string_view file = words[file_word];
    if (core::number_in<ino_t>(file.substr(file.rfind(':') + 1)) == inode)
      return core::number_in<pid_t>(words[pid_word]);
  }
  return std::nullopt;
}

}  // namespace lonc::app
