#include "support/catch.hpp"

#include <loncctl/age.hpp>
#include <loncctl/check_clock.hpp>

#include <chrono>

using lonc::ctl::age_text;
using lonc::ctl::parse_http_date;
using lonc::ctl::parse_utc;
using namespace std::chrono_literals;

TEST_CASE("ages are told in the unit that a person would use") {
  CHECK(age_text(0s) == "0s");
  CHECK(age_text(-5s) == "0s");
  CHECK(age_text(119s) == "119s");
  CHECK(age_text(120s) == "2m");
  CHECK(age_text(119min) == "119m");
  CHECK(age_text(120min) == "2h");
  CHECK(age_text(47h) == "47h");
  CHECK(age_text(48h) == "2d");
}

TEST_CASE("times of the status are read, with and without a fraction") {
  const auto time = parse_utc("2002-03-08T03:56:19.042Z");
  REQUIRE(time);
  CHECK(time->time_since_epoch() == 1015559779042ms);
  CHECK(parse_utc("1970-01-01T00:00:00Z")->time_since_epoch() == 0s);
  for (const auto* const bad :
       {"", "2002-03-08", "2002-02-30T00:00:00Z", "2002-03-08T03:56:19.042", "2002-03-08T24:00:00Z",
        "2002-03-08 03:56:19Z", "2002-03-08T03:56:19.0Z", "-002-03-08T03:56:19Z"}) {
    INFO(bad);
    CHECK_FALSE(parse_utc(bad));
  }
}

TEST_CASE("the date of a web server is read") {
  CHECK(parse_http_date("Fri, 08 Mar 2002 03:56:19 GMT") == parse_utc("2002-03-08T03:56:19Z"));
  CHECK(parse_http_date("Sat, 31 Dec 2022 23:59:59 GMT") == parse_utc("2022-12-31T23:59:59Z"));
  for (const auto* const bad : {"", "Fri, 08 Mar 2002 03:56:19 CET", "Fri, 08 Xyz 2002 03:56:19 GMT",
                                "Friday, 08-Mar-02 03:56:19 GMT", "Fri, 38 Mar 2002 03:56:19 GMT"}) {
    INFO(bad);
    CHECK_FALSE(parse_http_date(bad));
  }
}
