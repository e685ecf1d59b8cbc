#include "support/catch.hpp"
#include "support/process_help.hpp"

#include <lonc/app/process_info.hpp>

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

TEST_CASE("no process, no name") {
  CHECK_FALSE(process_name(0));
  CHECK_FALSE(process_name(-1));
  CHECK_FALSE(process_name(999'999'999));
}
