#include "support/catch.hpp"

#include <lonc/core/engine/attempt_schedule.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <vector>

using lonc::core::Backoff;
using lonc::core::Duration;
using namespace std::chrono_literals;

namespace {

// The longest of many delays after `failures` failures; it comes close to the bound.
Duration longest_after(unsigned failures, Duration first, Duration longest) {
  Duration found{};
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    Backoff backoff{seed};
    for (unsigned i = 0; i < failures; ++i) backoff.next(first, longest);
    found = std::max(found, backoff.next(first, longest));
  }
  return found;
}

}  // namespace

TEST_CASE("the bound of the delay doubles up to the maximum") {
  const std::array<Duration, 9> bounds{1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s, 60s};
  for (unsigned failures = 0; failures < bounds.size(); ++failures) {
    INFO(failures);
    const Duration longest = longest_after(failures, 1s, 60s);
    CHECK(longest <= bounds[failures]);
    CHECK(longest > bounds[failures] * 9 / 10);
  }
}

TEST_CASE("delays are distributed evenly between zero and the bound") {
  Backoff backoff{42};
  std::array<int, 8> counts{};
  for (int i = 0; i < 8000; ++i) {
    const Duration delay = backoff.next(8s, 8s);
    REQUIRE(delay >= 0s);
    REQUIRE(delay <= 8s);
    ++counts[static_cast<std::size_t>(std::min<Duration>(delay, 8s - 1ns) / 1s)];
  }
  for (const int count : counts) {
    CHECK(count > 850);
    CHECK(count < 1150);
  }
}

TEST_CASE("peers with neighbouring seeds do not come back together") {
  std::array<int, 4> quarters{};
  std::set<Duration> different;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const Duration delay = Backoff{seed}.next(60s, 60s);
    different.insert(delay);
    ++quarters[static_cast<std::size_t>(std::min<Duration>(delay, 60s - 1ns) / 15s)];
  }
  CHECK(different.size() > 990);
  for (const int count : quarters) {
    CHECK(count > 180);
    CHECK(count < 320);
  }
}

TEST_CASE("the same seed gives the same delays") {
  Backoff one{7};
  Backoff same{7};
  Backoff other{8};
  std::vector<Duration> a, b, c;
  for (int i = 0; i < 20; ++i) {
    a.push_back(one.next(1s, 60s));
    b.push_back(same.next(1s, 60s));
    c.push_back(other.next(1s, 60s));
  }
  CHECK(a == b);
  CHECK(a != c);
}

TEST_CASE("thousands of failures keep the maximum bound") {
  Backoff backoff{1};
  Duration longest{};
  for (int i = 0; i < 20'000; ++i) {
    const Duration delay = backoff.next(1s, 60s);
    REQUIRE(delay >= 0s);
    REQUIRE(delay <= 60s);
    longest = std::max(longest, delay);
  }
  CHECK(longest > 59s);
  CHECK(backoff.failures() == 20'000);
}

TEST_CASE("the bound does not wrap around") {
  for (const unsigned failures : {62U, 63U, 64U, 65U, 128U, 1000U}) {
    INFO(failures);
    CHECK(longest_after(failures, 1s, 60s) > 54s);
  }
}

TEST_CASE("reset starts again at the first bound") {
  Backoff backoff{3};
  for (int i = 0; i < 10; ++i) backoff.next(1s, 60s);
  CHECK(backoff.failures() == 10);
  backoff.reset();
  CHECK(backoff.failures() == 0);
  CHECK(backoff.next(1s, 60s) <= 1s);
  CHECK(backoff.failures() == 1);
}

TEST_CASE("new bounds apply to the next delay and keep the number of failures") {
  Backoff backoff{3};
  for (int i = 0; i < 10; ++i) backoff.next(1s, 60s);
  for (int i = 0; i < 100; ++i) CHECK(backoff.next(1ms, 5ms) <= 5ms);
  CHECK(backoff.failures() == 110);
}

TEST_CASE("odd bounds are harmless") {
  for (const Duration first : {Duration{0}, Duration{-5}, Duration{1}, Duration::max()}) {
    for (const Duration longest : {Duration{0}, Duration{-5}, Duration{1}, Duration{Duration::max()}}) {
      Backoff backoff{9};
      for (int i = 0; i < 200; ++i) {
        const Duration delay = backoff.next(first, longest);
        REQUIRE(delay >= Duration::zero());
        REQUIRE(delay <= std::max(longest, Duration::zero()));
      }
    }
  }
  CHECK(Backoff{0}.next(60s, 1s) <= 1s);
}
