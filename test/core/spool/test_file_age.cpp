// FileAge with literal clock values.
#include "support/catch.hpp"

#include <lonc/core/spool/spool_disk.hpp>

namespace lonc::core::test {

using namespace std::chrono_literals;

namespace {

constexpr TimePoint at(Duration time) { return TimePoint{} + 1000s + time; }
constexpr FileAge::SinceEpoch noon = 1'700'000'000s;

}  // namespace

TEST_CASE("the age of a file is the distance of its last change from now, in either direction") {
  FileAge clock;
  CHECK(clock.age(at(0s), noon, noon - 10s) == 10s);
  CHECK(clock.age(at(0s), noon, noon + 1h) == 1h);
  CHECK(clock.age(at(5s), noon + 5s, noon) == 5s);
}

TEST_CASE("setting the wall clock forward makes no file old") {
  FileAge clock;
  // Half a line has just been written.
  CHECK(clock.age(at(0s), noon, noon) == 0s);
  CHECK(clock.age(at(1s), noon + 1h, noon) == 0s);
  CHECK(clock.age(at(3s), noon + 1h + 2s, noon) == 2s);
  CHECK(clock.age(at(6s), noon + 1h + 5s, noon) == 5s);
  // A file written after the step has a timestamp of the new clock.
  CHECK(clock.age(at(7s), noon + 1h + 6s, noon + 1h + 5s) == 1s);
}

TEST_CASE("setting the wall clock back makes no file old either") {
  FileAge clock;
  CHECK(clock.age(at(0s), noon, noon) == 0s);
  CHECK(clock.age(at(1s), noon - 1h, noon) == 0s);
  CHECK(clock.age(at(6s), noon - 1h + 5s, noon) == 5s);
}

TEST_CASE("a step seen by observe counts for later ages") {
  FileAge clock;
  clock.observe(at(0s), noon);
  clock.observe(at(1s), noon + 1min);
  CHECK(clock.age(at(4s), noon + 1min + 3s, noon) == 3s);
}

TEST_CASE("small corrections of the wall clock do not count as steps") {
  FileAge clock;
  for (int i = 0; i != 100; ++i) clock.observe(at(i * 60s), noon + i * 60s + i * 50ms);
  CHECK(clock.age(at(6000s), noon + 6005s, noon) == 6005s);
}

}  // namespace lonc::core::test
