#include "support/catch.hpp"

#include <lonc/core/engine/peer_status.hpp>

using lonc::core::Duration;
using lonc::core::RoundTrips;
using namespace std::chrono_literals;

TEST_CASE("round trips are counted in the first bucket that fits") {
  RoundTrips trips;
  trips.add(0s);
  trips.add(500us);
  trips.add(501us);
  trips.add(300s);
  trips.add(301s);
  CHECK(trips.counts().front() == 2);
  CHECK(trips.counts()[1] == 1);
  CHECK(trips.counts()[12] == 1);
  CHECK(trips.counts().back() == 1);
  CHECK(trips.count() == 5);
  CHECK(trips.sum() == 601s + 1001us);
}

TEST_CASE("the mean is exact, a quantile is within its bucket") {
  RoundTrips trips;
  for (int i = 0; i != 98; ++i) trips.add(2ms);
  trips.add(40ms);
  trips.add(100s);
  CHECK(trips.mean() == 1002360us);
  CHECK(trips.quantile(0.5) > 1ms);
  CHECK(trips.quantile(0.5) <= 2500us);
  CHECK(trips.quantile(0.99) == 50ms);
  CHECK(trips.quantile(1) == 300s);
}

TEST_CASE("without round trips all values are zero, and beyond the last bound a quantile is that bound") {
  RoundTrips trips;
  CHECK(trips.count() == 0);
  CHECK(trips.mean() == Duration::zero());
  CHECK(trips.quantile(0.99) == Duration::zero());
  trips.add(1000s);
  CHECK(trips.quantile(0.5) == 300s);
}
