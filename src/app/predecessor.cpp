#include <lonc/app/predecessor.hpp>

#include <lonc/app/read_file.hpp>

#include <signal.h>
#include <unistd.h>

#include <thread>

namespace lonc::app {
namespace {

constexpr std::chrono::milliseconds pause{50};

// True if `block`, NAME=VALUE each with a NUL behind it, has an entry that begins with `start` and, if it is whole,
// ends there.
bool has_entry(const std::string& block, const std::string& start) {
  return block.starts_with(start) || block.find('\0' + start) != std::string::npos;
}

std::error_code read_proc(pid_t pid, const char* file, std::string& text) {
  return read_file("/proc/" + std::to_string(pid) + "/" + file, text);
}

// Nothing if it can not be looked at.
std::optional<bool> is_service(pid_t pid) {
  std::string environment;
  if (read_proc(pid, "environ", environment)) return std::nullopt;
  return has_entry(environment, "NOTIFY_SOCKET=") &&
         has_entry(environment, "SYSTEMD_EXEC_PID=" + std::to_string(pid) + '\0');
}

}  // namespace

bool is_service_process(pid_t pid) { return is_service(pid).value_or(false); }

bool is_replaceable(pid_t pid) {
  std::string name;
  return pid > 0 && !is_service(pid).value_or(true) && !read_proc(pid, "comm", name) && name == "lonc\n";
}

std::optional<PidFileError> acquire_or_replace(PidFile& file, const std::string& path,
                                               const std::function<void(std::string_view)>& tell,
                                               std::chrono::milliseconds patience) {
  auto error = file.acquire(path);
  if (!error || error->error != std::errc::file_exists || !is_service_process(::getpid())) return error;
  const pid_t holder = error->holder;
  // Two services with one pid file would end each other for ever.
  const bool is_replaced = is_replaceable(holder) && ::kill(holder, SIGTERM) == 0;
  tell(error->text + (is_replaced ? "; it was not started by systemd and is told to end" : "; waiting for its end"));
  const auto until = std::chrono::steady_clock::now() + patience;
  while (error && error->error == std::errc::file_exists && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(pause);
    error = file.acquire(path);
  }
  return error;
}

}  // namespace lonc::app
