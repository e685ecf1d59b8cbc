#include "support/catch.hpp"
#include "support/process_help.hpp"

#include <lonc/app/process_info.hpp>

#include <signal.h>
#include <sys/prctl.h>

using lonc::app::process_name;
using lonc::test::Child;

TEST_CASE("the name of a living process, whatever stands in it") {
  const Child child{[]() -> int {
    ::prctl(PR_SET_NAME, "a) Z (b");
    for (;;) ::pause();
  }};
  CHECK(lonc::test::wait_until([&] { return process_name(child.pid()) == "a) Z (b"; }));
}

TEST_CASE("a process that was stopped, and let go on") {
  const Child child{[]() -> int {
    for (;;) ::pause();
  }};
  const auto is_stopped = [&] {
    const auto process = lonc::app::find_process(child.pid());
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
