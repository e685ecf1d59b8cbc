#include "support/catch.hpp"

#include <lonc/core/base/error.hpp>
#include <lonc/core/engine/connection_set.hpp>

#include <chrono>

using lonc::core::Connection;
using lonc::core::connections_to_open;
using lonc::core::ConnectionSet;
using lonc::core::Errc;
using lonc::core::PeerSettings;
using lonc::core::TimePoint;
using namespace std::chrono_literals;

TEST_CASE("connections_to_open: the minimum that is always kept") {
  CHECK(connections_to_open({.fewest = 1, .most = 10}) == 1);
  CHECK(connections_to_open({.fewest = 3, .most = 10, .ready = 1, .existing = 2}) == 1);
  CHECK(connections_to_open({.fewest = 1, .most = 10, .ready = 1, .existing = 1}) == 0);
}

TEST_CASE("connections_to_open: one for each request that is sent alone, and one for each batch of the others") {
  CHECK(connections_to_open({.most = 10, .ready = 1, .existing = 1, .waiting_alone = 2}) == 2);
  CHECK(connections_to_open({.most = 10, .ready = 1, .existing = 1, .waiting_together = 8, .batch_limit = 8}) == 1);
  CHECK(connections_to_open({.most = 10, .ready = 1, .existing = 1, .waiting_together = 9, .batch_limit = 8}) == 2);
  CHECK(connections_to_open(
            {.most = 10, .ready = 1, .existing = 1, .waiting_alone = 1, .waiting_together = 3, .batch_limit = 2}) == 3);
}

TEST_CASE("connections_to_open: connections that are being opened count") {
  CHECK(connections_to_open({.most = 10, .ready = 1, .existing = 3, .waiting_alone = 2}) == 0);
  CHECK(connections_to_open({.most = 10, .ready = 1, .existing = 2, .waiting_alone = 2}) == 1);
}

TEST_CASE("connections_to_open: never more than max-connections, even if that is less than min-connections") {
  CHECK(connections_to_open({.most = 4, .ready = 3, .existing = 3, .waiting_alone = 100}) == 1);
  CHECK(connections_to_open({.most = 4, .ready = 4, .existing = 4, .waiting_alone = 100}) == 0);
  CHECK(connections_to_open({.most = 2, .ready = 3, .existing = 3}) == 0);
  CHECK(connections_to_open({.fewest = 5, .most = 2}) == 2);
}

namespace {

struct Fixture {
  Connection& ready() {
    Connection& connection = *connections.find(connections.add(false));
    connection.state = Connection::State::ready;
    return connection;
  }
  PeerSettings settings;
  ConnectionSet connections{settings, 1};
  TimePoint now{1000s};
};

}  // namespace

TEST_CASE("ConnectionSet: the oldest idle connection is used first, and the youngest is surplus first") {
  Fixture f;
  Connection& first = f.ready();
  CHECK(f.connections.surplus(f.now + 1h) == nullptr);  // the only one is kept
  Connection& second = f.ready();
  CHECK(f.connections.idle() == &first);
  CHECK(f.connections.surplus(f.now + 1h) == &second);
  first.state = Connection::State::leaving;
  CHECK(f.connections.idle() == &second);
}

TEST_CASE("ConnectionSet: a connection to an old address is neither ready nor counted") {
  Fixture f;
  Connection& connection = f.ready();
  f.ready();
  f.connections.leave_behind(connection);
  CHECK(f.connections.count_ready() == 1);
  CHECK(f.connections.count_current() == 1);
  CHECK(f.connections.take(connection.id) != nullptr);
  CHECK(f.connections.count_current() == 1);
}

TEST_CASE(
    "ConnectionSet: a further connection that is silent shows how many are served; after a minute one is tried again") {
  Fixture f;
  f.ready();
  f.ready();
  CHECK(f.connections.further_failed(f.now, Errc::handshake_silent));
  CHECK(f.connections.served() == 2);
  CHECK(f.connections.not_before() >= f.now + 1min);
  CHECK_FALSE(f.connections.further_failed(f.now, Errc::handshake_silent));
  f.ready();
  f.connections.opened();
  CHECK(f.connections.served() == 0);
  SECTION("a refused one does not show that") {
    CHECK_FALSE(f.connections.further_failed(f.now, std::make_error_code(std::errc::connection_refused)));
    CHECK(f.connections.served() == 0);
  }
  SECTION("it can be forgotten") {
    CHECK(f.connections.further_failed(f.now, Errc::connect_timeout));
    CHECK(f.connections.forget_served());
    CHECK(f.connections.not_before() == TimePoint{});
  }
}
