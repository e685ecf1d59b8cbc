#include "support/catch.hpp"

#include <lonc/os/wall_time.hpp>

#include <cstdlib>
#include <ctime>

using lonc::os::local_time_text;
using lonc::os::parse_http_date;
using lonc::os::parse_utc;
using lonc::os::utc_text;
using std::chrono::system_clock;
using namespace std::chrono_literals;

namespace {

void set_zone(const char* zone) {
  ::setenv("TZ", zone, 1);
  ::tzset();
}

std::string text_of(std::time_t second) { return local_time_text(system_clock::from_time_t(second)); }

}  // namespace

TEST_CASE("local time has the format of Perl's scalar localtime") {
  set_zone("UTC0");
  CHECK(text_of(0) == "Thu Jan  1 00:00:00 1970");
  CHECK(text_of(1015559779) == "Fri Mar  8 03:56:19 2002");
  CHECK(text_of(1040947199) == "Thu Dec 26 23:59:59 2002");
  CHECK(text_of(1709164800) == "Thu Feb 29 00:00:00 2024");
}

TEST_CASE("fractions of a second are dropped, also before 1970") {
  set_zone("UTC0");
  CHECK(local_time_text(system_clock::from_time_t(1015559790) + 999ms) == "Fri Mar  8 03:56:30 2002");
  CHECK(local_time_text(system_clock::from_time_t(0) - 1ms) == "Wed Dec 31 23:59:59 1969");
}

TEST_CASE("local time follows the time zone and its summer time") {
  set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
  CHECK(text_of(1048985999) == "Sun Mar 30 01:59:59 2003");
  CHECK(text_of(1048986000) == "Sun Mar 30 03:00:00 2003");
  set_zone("UTC0");
}

TEST_CASE("seconds that share a slot in the cache are distinguished") {
  set_zone("UTC0");
  for (int round = 0; round < 3; ++round) {
    CHECK(text_of(1600000000) == "Sun Sep 13 12:26:40 2020");
    CHECK(text_of(1600000016) == "Sun Sep 13 12:26:56 2020");
  }
}

TEST_CASE("times in UTC have milliseconds") {
  CHECK(utc_text(system_clock::from_time_t(0)) == "1970-01-01T00:00:00.000Z");
  CHECK(utc_text(system_clock::from_time_t(0) - 1ms) == "1969-12-31T23:59:59.999Z");
  CHECK(utc_text(system_clock::from_time_t(1015559400) + 999999us) == "2002-03-08T03:50:00.999Z");
}

TEST_CASE("times in UTC are parsed, with and without a fraction") {
  const auto time = parse_utc("2002-03-08T03:56:19.042Z");
  REQUIRE(time);
  CHECK(time->time_since_epoch() == 1015559779042ms);
  CHECK(parse_utc("1970-01-01T00:00:00Z")->time_since_epoch() == 0s);
  for (const auto* const bad :
       {"", "2002-03-08", "2002-02-30T00:00:00Z", "2002-03-08T03:56:19.042", "2002-03-08T24:00:00Z",
        "2002-03-08 03:56:19Z", "2002-03-08T03:56:19.0Z", "-002-03-08T03:56:19Z", "2002-3-08T03:56:19Z",
        "2002-03- 8T03:56:19Z", "2002-03-08T03:56:19.04xZ", "2002-03-08T03:56:19.0420Z", " 2002-03-08T03:56:19Z"}) {
    INFO(bad);
    CHECK_FALSE(parse_utc(bad));
  }
}

TEST_CASE("the date of a web server is parsed") {
  CHECK(parse_http_date("Fri, 08 Mar 2002 03:56:19 GMT") == parse_utc("2002-03-08T03:56:19Z"));
  CHECK(parse_http_date("Sat, 31 Dec 2022 23:59:59 GMT") == parse_utc("2022-12-31T23:59:59Z"));
  for (const auto* const bad :
       {"", "Fri, 08 Mar 2002 03:56:19 CET", "Fri, 08 Xyz 2002 03:56:19 GMT", "Friday, 08-Mar-02 03:56:19 GMT",
        "Fri, 38 Mar 2002 03:56:19 GMT", "Sat, 08 Mar 2002 03:56:19 GMT"}) {
    INFO(bad);
    CHECK_FALSE(parse_http_date(bad));
  }
}
