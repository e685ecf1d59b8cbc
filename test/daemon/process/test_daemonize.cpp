#include "daemon/process/daemonize.hpp"
#include "support/catch.hpp"
#include "support/process_help.hpp"
#include "support/temp_dir.hpp"

#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <sstream>

using lonc::daemon::Daemonizer;
using namespace lonc::test;

namespace {

std::string link_target(const std::string& path) { return std::filesystem::read_symlink(path).string(); }

bool is_blocked(int signal) {
  sigset_t mask;
  ::sigprocmask(SIG_SETMASK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}

bool has_handler(int signal, sighandler_t handler) {
  struct sigaction action{};
  ::sigaction(signal, nullptr, &action);
  return action.sa_handler == handler;
}

void leave_a_mess_of_signals() {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGHUP);
  sigaddset(&mask, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &mask, nullptr);
  ::signal(SIGUSR1, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
}

// Runs `daemon` in the background of a child, with stderr in dir/stderr.
Child start(const TempDir& dir, const std::function<void(Daemonizer&)>& daemon) {
  return Child{[&] {
    const StandardErrorTo redirected{dir / "stderr"};
    leave_a_mess_of_signals();
    ::umask(077);
    Daemonizer daemonizer;
    if (const auto status = daemonizer.fork_to_background()) return *status;
    daemon(daemonizer);
    ::_exit(0);
  }};
}

}  // namespace

TEST_CASE("the starter returns 0 once the daemon is ready, and not before") {
  const TempDir dir;
  Child starter = start(dir, [&](Daemonizer& daemonizer) {
    std::ostringstream report;
    report << (::getsid(0) == ::getpid()) << (::getpgid(0) == ::getpid()) << ' ' << link_target("/proc/self/cwd") << ' '
           << std::oct << ::umask(0) << ' ' << is_blocked(SIGHUP) << is_blocked(SIGTERM) << has_handler(SIGHUP, SIG_DFL)
           << has_handler(SIGUSR1, SIG_DFL) << has_handler(SIGPIPE, SIG_IGN);
    write_file(dir / "before", report.str());
    daemonizer.ready();
    std::string descriptors;
    for (const char* fd : {"0", "1", "2"}) descriptors += link_target(std::string{"/proc/self/fd/"} + fd) + " ";
    write_file(dir / "after.new", descriptors);
    std::filesystem::rename(dir / "after.new", dir / "after");
  });
  CHECK(starter.wait() == 0);
  CHECK(read_file(dir / "before") == "11 / 22 10111");
  REQUIRE(wait_until([&] { return std::filesystem::exists(dir / "after"); }));
  CHECK(read_file(dir / "after") == "/dev/null /dev/null /dev/null ");
  CHECK(read_file(dir / "stderr").empty());
}

TEST_CASE("the starter reports why the daemon could not start") {
  const TempDir dir;
  Child starter = start(dir, [](Daemonizer& daemonizer) { daemonizer.failed("no hosts.tab"); });
  CHECK(starter.wait() == 1);
  CHECK(read_file(dir / "stderr") == "lonc: no hosts.tab\n");
}

TEST_CASE("the starter does not wait for a daemon that dies during its start") {
  const TempDir dir;
  SECTION("killed by a signal") {
    Child starter = start(dir, [](Daemonizer&) { ::raise(SIGKILL); });
    CHECK(starter.wait() == 1);
    CHECK(read_file(dir / "stderr") == "lonc: killed during its start by signal 9 (Killed)\n");
  }
  SECTION("with a status") {
    Child starter = start(dir, [](Daemonizer&) { ::_exit(3); });
    CHECK(starter.wait() == 3);
    CHECK(read_file(dir / "stderr") == "lonc: ended during its start with status 3\n");
  }
  SECTION("without becoming ready") {
    Child starter = start(dir, [](Daemonizer&) { ::_exit(0); });
    CHECK(starter.wait() == 1);
  }
}

TEST_CASE("in the foreground a failure is written to stderr and ready() has no effect") {
  const TempDir dir;
  {
    const StandardErrorTo redirected{dir / "stderr"};
    Daemonizer daemonizer;
    daemonizer.ready();
    daemonizer.failed("no hosts.tab");
  }
  CHECK(read_file(dir / "stderr") == "lonc: no hosts.tab\n");
}

TEST_CASE("signals that the starter blocked or ignored are delivered again") {
  Child child{[] {
    leave_a_mess_of_signals();
    lonc::daemon::reset_signals();
    ::raise(SIGTERM);
    return 0;
  }};
  CHECK(child.wait() == 128 + SIGTERM);
}

TEST_CASE("HUP and USR1 stay blocked until they can be handled") {
  for (const int signal : {SIGHUP, SIGUSR1}) {
    Child child{[signal] {
      leave_a_mess_of_signals();
      lonc::daemon::reset_signals();
      ::raise(signal);
      if (!is_blocked(signal)) return 1;
      lonc::daemon::unblock_signals();
      return 0;
    }};
    CHECK(child.wait() == 128 + signal);
  }
}

TEST_CASE("closed standard descriptors are opened") {
  Child child{[] {
    for (const int fd : {0, 1, 2}) ::close(fd);
    lonc::daemon::fill_standard_descriptors();
    for (const char* fd : {"0", "1", "2"}) {
      if (link_target(std::string{"/proc/self/fd/"} + fd) != "/dev/null") return 1;
    }
    return ::fcntl(3, F_GETFD) == -1 || link_target("/proc/self/fd/3") != "/dev/null" ? 0 : 2;
  }};
  CHECK(child.wait() == 0);
}
