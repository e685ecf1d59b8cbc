#include "process_help.hpp"
#include "support/catch.hpp"

#include <lonc/app/process_info.hpp>

#include <sys/prctl.h>

#include <atomic>
#include <thread>

using lonc::app::process_name;
using lonc::test::Child;

TEST_CASE("the name of a living process, whatever stands in it") {
  const Child child{[]() -> int {
    ::prctl(PR_SET_NAME, "a) Z (b");
    for (;;) ::pause();
  }};
  CHECK(lonc::test::wait_until([&] { return process_name(child.pid()) == "a) Z (b"; }));
}

TEST_CASE("no process, no name") {
  CHECK_FALSE(process_name(0));
  CHECK_FALSE(process_name(-1));
  CHECK_FALSE(process_name(999'999'999));
}

TEST_CASE("a process that ends while it is looked at is no error") {
  for (int i = 0; i < 200; ++i) {
    Child child{[] { return 0; }};
    const pid_t pid = child.pid();
    std::atomic<bool> reaped{false};
    std::thread looking{[&] {
      while (!reaped) process_name(pid);
    }};
    const int status = child.wait();
    reaped = true;
    looking.join();
    CHECK(status == 0);
    CHECK_FALSE(process_name(pid));
  }
}
