#include "daemon/process/daemonize.hpp"

#include <lonc/os/files.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

namespace lonc::daemon {
namespace {

// What the child sends: one byte; `failed_byte` is followed by the reason, up to the end of the stream.
constexpr char ready_byte = '+';
constexpr char failed_byte = '-';

void print_error(std::string_view text) { os::write_all(STDERR_FILENO, "lonc: " + std::string(text) + "\n"); }

std::string read_to_end(int fd) {
  std::string text;
  std::array<char, 512> buffer{};
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.front() == ready_byte) return text;
  }
}

// For a child that ended without reporting anything: a crash, or a silent exit.
int report_death(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return 1;
  }
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    print_error("killed during its start by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")");
    return 1;
  }
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  print_error("ended during its start with status " + std::to_string(code));
  return code == 0 ? 1 : code;
}

int wait_for_child(pid_t child, int from_child) {
  const std::string answer = read_to_end(from_child);
  if (answer.empty()) return report_death(child);
  if (answer.front() == ready_byte) return 0;
  print_error(std::string_view{answer}.substr(1));
  return 1;
}

// Signals meant for the running daemon, which would end one that is still starting.
sigset_t remembered_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&signals, number);
  return signals;
}

// Signals that end a process by default and that nobody sends to lonc on purpose. XFSZ is among them because an error
// (EFBIG) reports the file size limit as well, and a restart would not help.
bool is_stray_signal(int number) {
  constexpr auto strays =
      std::to_array({SIGPIPE, SIGXFSZ, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, SIGXCPU});
  return std::ranges::find(strays, number) != strays.end() || (number >= SIGRTMIN && number <= SIGRTMAX);
}

}  // namespace

void reset_signals() {
  // sigaction() rejects unused numbers, KILL and STOP, which is fine.
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action{};
    action.sa_handler = is_stray_signal(number) ? SIG_IGN : SIG_DFL;
    ::sigaction(number, &action, nullptr);
  }
  const sigset_t later = remembered_signals();
  ::sigprocmask(SIG_SETMASK, &later, nullptr);
}

void unblock_signals() {
  const sigset_t later = remembered_signals();
  ::sigprocmask(SIG_UNBLOCK, &later, nullptr);
}

void close_inherited_descriptors() { ::close_range(STDERR_FILENO + 1, ~0U, 0); }

void fill_standard_descriptors() {
  int fd = -1;
  do {
    fd = ::open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) ::close(fd);
}

std::optional<int> Daemonizer::fork_to_background() {
  fill_standard_descriptors();
  reset_signals();
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    print_error("cannot create a pipe: " + os::last_error().message());
    return 1;
  }
  const os::UniqueFd from_child{ends[0]};
  to_parent_.reset(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) {
    print_error("cannot fork: " + os::last_error().message());
    return 1;
  }
  if (child > 0) {
    to_parent_.reset();
    return wait_for_child(child, from_child.get());
  }
  // A background process is not the main process of a unit, even if its starter was.
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM"}) ::unsetenv(name);
  ::setsid();
  ::umask(022);
  if (::chdir("/") != 0) print_error("cannot change to /: " + os::last_error().message());
  return std::nullopt;
}

void Daemonizer::ready() {
  if (!to_parent_) return;
  // Before the parent exits: a process that waits for the end of its output would otherwise wait for ours, too.
  const os::UniqueFd null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (null) ::dup2(null.get(), fd);
  }
  os::write_all(to_parent_.get(), {&ready_byte, 1});
  to_parent_.reset();
}

void Daemonizer::failed(std::string_view text) {
  if (!to_parent_) return print_error(text);
  os::write_all(to_parent_.get(), failed_byte + std::string(text));
  to_parent_.reset();
}

}  // namespace lonc::daemon
