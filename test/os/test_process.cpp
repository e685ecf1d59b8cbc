#include "support/catch.hpp"
#include "support/process_help.hpp"

#include <lonc/os/process.hpp>

#include <signal.h>
#include <sys/prctl.h>

#include <string>

using lonc::os::lock_holder;
using lonc::os::process_name;
using lonc::test::Child;

TEST_CASE("the name of a living process, whatever characters it contains") {
  const Child child{[]() -> int {
    ::prctl(PR_SET_NAME, "a) Z (b");
    for (;;) ::pause();
  }};
  CHECK(lonc::test::wait_until([&] { return process_name(child.pid()) == "a) Z (b"; }));
}

TEST_CASE("a process that was stopped, and continued") {
  const Child child{[]() -> int {
    for (;;) ::pause();
  }};
  const auto is_stopped = [&] {
    const auto process = lonc::os::find_process(child.pid());
    return process && process->is_stopped;
  };
  CHECK_FALSE(is_stopped());
  child.kill(SIGSTOP);
  CHECK(lonc::test::wait_until(is_stopped));
  child.kill(SIGCONT);
  CHECK(lonc::test::wait_until([&] { return !is_stopped(); }));
}

TEST_CASE("no process, no name") {
  CHECK_FALSE(process_name(0));
  CHECK_FALSE(process_name(-1));
  CHECK_FALSE(process_name(999'999'999));
}

TEST_CASE("the holder of a lock is found among all locks") {
  const std::string locks =
      "1: POSIX  ADVISORY  WRITE 11 08:01:777 0 EOF\n"
      "2: FLOCK  ADVISORY  WRITE 22 08:01:778 0 EOF\n"
      "2: -> FLOCK  ADVISORY  WRITE 33 08:01:779 0 EOF\n"
      "3: FLOCK  ADVISORY  WRITE 44 00:2e:779 0 EOF\n";
  CHECK_FALSE(lock_holder(locks, 777));
  CHECK(lock_holder(locks, 778) == 22);
  CHECK(lock_holder(locks, 779) == 44);
  CHECK_FALSE(lock_holder(locks, 7));
  CHECK_FALSE(lock_holder("", 1));
  CHECK_FALSE(lock_holder("1: FLOCK", 1));
}
