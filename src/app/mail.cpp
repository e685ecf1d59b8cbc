#include <lonc/app/mail.hpp>

#include <lonc/app/log_line.hpp>
#include <lonc/net/file_write.hpp>
#include <lonc/net/unique_fd.hpp>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>

namespace lonc::app {
namespace {

std::error_code system_error(int number) { return {number, std::system_category()}; }

class SpawnPlan {
 public:
  explicit SpawnPlan(int input) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attributes_);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    // What is ignored here is none of its business: it may well need its alarms.
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    // A group of its own, so that what it starts can be killed with it.
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnPlan() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  int spawn(pid_t& child, std::string program) {
    std::string headers = "-t";
    std::string no_dot = "-oi";
    std::array<char*, 4> arguments{program.data(), headers.data(), no_dot.data(), nullptr};
    return ::posix_spawn(&child, program.c_str(), &actions_, &attributes_, arguments.data(), environ);
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

std::error_code wait_for(pid_t child, std::chrono::milliseconds timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  int status = 0;
  for (;;) {
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) break;
    if (ended < 0 && errno != EINTR) return net::last_error();
    if (std::chrono::steady_clock::now() >= until) {
      ::kill(-child, SIGKILL);
      ::waitpid(child, &status, 0);
      return std::make_error_code(std::errc::timed_out);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  const bool is_ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return is_ok ? std::error_code{} : std::make_error_code(std::errc::io_error);
}

}  // namespace

bool is_mail_address(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

std::string render_mail(const Mail& mail) {
  std::string text = "To: ";
  std::string_view separator;
  for (const std::string& address : mail.to) {
    if (!is_mail_address(address)) continue;
    text += separator;
    text += address;
    separator = ", ";
  }
  text += "\nSubject: ";
  append_one_line(text, mail.subject);
  text += "\nAuto-Submitted: auto-generated\n\n";
  text += mail.body;
  return text;
}

std::error_code send_mail(const std::string& program, std::string_view text, std::chrono::milliseconds timeout) {
  // A memory file holds a mail of any size, and nobody has to feed a pipe while the other side may stall.
  const net::UniqueFd input{::memfd_create("lonc-mail", MFD_CLOEXEC)};
  if (!input) return net::last_error();
  if (const auto error = net::write_all(input.get(), text)) return error;
  if (::lseek(input.get(), 0, SEEK_SET) != 0) return net::last_error();
  pid_t child = 0;
  SpawnPlan plan{input.get()};
  if (const int error = plan.spawn(child, program); error != 0) return system_error(error);
  return wait_for(child, timeout);
}

}  // namespace lonc::app
