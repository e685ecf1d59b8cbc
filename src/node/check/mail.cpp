#include <lonc/node/check/mail.hpp>

#include <lonc/core/base/text.hpp>
#include <lonc/node/log/log_line.hpp>
#include <lonc/os/files.hpp>
#include <lonc/os/unique_fd.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <thread>

namespace lonc::node {
namespace {

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
    // sendmail must not inherit the signals that are ignored here: it may need SIGALRM, for example.
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    // A process group of its own, so that its child processes can be killed with it.
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
    if (ended < 0 && errno != EINTR) return os::last_error();
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
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

std::string render_mail(const Mail& mail) {
  std::vector<std::string> to = mail.to;
  std::erase_if(to, std::not_fn(is_mail_address));
  std::string subject;
  append_one_line(subject, mail.subject);
  return fmt::format("To: {}\nSubject: {}\nAuto-Submitted: auto-generated\n\n{}", fmt::join(to, ", "), subject,
                     mail.body);
}

std::error_code send_mail(const std::string& program, std::string_view text, std::chrono::milliseconds timeout) {
  // A memory file holds a mail of any size. A pipe would have to be fed, and the reader may stall.
  const os::UniqueFd input{::memfd_create("lonc-mail", MFD_CLOEXEC)};
  if (!input) return os::last_error();
  if (const auto error = os::write_all(input.get(), text)) return error;
  if (::lseek(input.get(), 0, SEEK_SET) != 0) return os::last_error();
  pid_t child = 0;
  SpawnPlan plan{input.get()};
  if (const int error = plan.spawn(child, program); error != 0) return {error, std::system_category()};
  return wait_for(child, timeout);
}

Mail user_mismatch_mail(const Settings& settings, const core::Problem& problem) {
  Mail mail;
  for (const std::string& address : {settings.adm_email, settings.sys_email}) {
    const bool is_known = std::ranges::find(mail.to, address) != mail.to.end();
    if (is_mail_address(address) && !is_known) mail.to.push_back(address);
  }
  const std::string host = core::escape_outside_text(settings.host_id);
  mail.subject = fmt::format("LON-CAPA {}: User ID mismatch, lonc is not running", host);
  mail.body = fmt::format(
      "lonc on {} refused to start.\n\n{}.\n\nRemedy: {}.\nUntil then this server cannot talk to its peers.\n", host,
      problem.text, problem.remedy);
  return mail;
}

std::string mail_user_mismatch(const Settings& settings, const core::Problem& problem) {
  const bool is_wanted = !settings.adm_email.empty() || !settings.sys_email.empty();
  if (!is_wanted || settings.sendmail.empty()) return {};
  const Mail mail = user_mismatch_mail(settings, problem);
  if (mail.to.empty()) return "no mail was sent: neither lonAdmEMail nor lonSysEMail holds an address";
  const auto error = send_mail(settings.sendmail, render_mail(mail));
  return error ? fmt::format("no mail was sent: {}: {}", settings.sendmail, error.message()) : "";
}

}  // namespace lonc::node
