#include "support/catch.hpp"

#include <lonc/net/local_time.hpp>

#include <cstdlib>
#include <ctime>

using lonc::net::local_time_text;
using std::chrono::system_clock;
using namespace std::chrono_literals;

namespace {

void set_zone(const char* zone) {
  ::setenv("TZ", zone, 1);
  ::tzset();
}

std::string text_of(std::time_t second) { return local_time_text(system_clock::from_time_t(second)); }

}  // namespace

TEST_CASE("local time is written as Perl's scalar localtime writes it") {
  set_zone("UTC0");
  CHECK(text_of(0) == "Thu Jan  1 00:00:00 1970");
  CHECK(text_of(1015559779) == "Fri Mar  8 03:56:19 2002");
  CHECK(text_of(1040947199) == "Thu Dec 26 23:59:59 2002");
  CHECK(text_of(1709164800) == "Thu Feb 29 00:00:00 2024");
}

TEST_CASE("a part of a second counts for nothing, before 1970 too") {
  set_zone("UTC0");
  CHECK(local_time_text(system_clock::from_time_t(1015559790) + 999ms) == "Fri Mar  8 03:56:30 2002");
  CHECK(local_time_text(system_clock::from_time_t(0) - 1ms) == "Wed Dec 31 23:59:59 1969");
}

TEST_CASE("local time follows the zone and its summer time") {
  set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
  CHECK(text_of(1048985999) == "Sun Mar 30 01:59:59 2003");
  CHECK(text_of(1048986000) == "Sun Mar 30 03:00:00 2003");
  set_zone("UTC0");
}

TEST_CASE("seconds that share a place in the cache are told apart") {
  set_zone("UTC0");
  for (int round = 0; round < 3; ++round) {
    CHECK(text_of(1600000000) == "Sun Sep 13 12:26:40 2020");
    CHECK(text_of(1600000016) == "Sun Sep 13 12:26:56 2020");
  }
}
