// When a peer that is away is tried again.
#include "core/engine/engine_harness.hpp"
#include "support/catch.hpp"

using namespace lonc::core;
using lonc::core::test::EngineHarness;
using namespace std::chrono_literals;

TEST_CASE("traffic brings the next attempt forward, to at most one a second") {
  EngineHarness h;
  h.start();
  h.take();
  // Far into the backoff, so that the next attempt would be late.
  for (std::uint64_t connection = 1; connection <= 12; ++connection) {
    h.fail(connection);
    while (h.take().find("open") == std::string::npos) h.advance(100ms);
  }
  h.fail(13);
  h.take();
  std::size_t attempts = 0;
  for (int tenth = 0; tenth < 100; ++tenth) {
    h.ask(1, "get");
    h.advance(100ms);
    if (h.take().find("open") != std::string::npos) {
      ++attempts;
      h.fail(13 + attempts);
    }
  }
  CHECK(attempts >= 9);
  CHECK(attempts <= 10);
}

TEST_CASE("an attempt that was brought forward and fails leaves the time of the next scheduled attempt unchanged") {
  EngineHarness h;
  h.start();
  h.take();
  std::uint64_t connection = 1;
  h.fail(connection);
  while (h.engine.status().next_attempt - h.now < 10s) {
    while (h.take().find("open") == std::string::npos) h.advance(100ms);
    h.fail(++connection);
  }
  h.take();
  const TimePoint scheduled = h.engine.status().next_attempt;
  const unsigned failures = h.engine.status().failed_in_a_row;
  h.advance(2s);
  SECTION("by a request") {
    h.ask(1, "get");
    CHECK(h.take().find("open") != std::string::npos);
    h.fail(++connection);
    CHECK(h.engine.status().failed_in_a_row == failures + 1);
  }
  SECTION("by several") {
    for (int i = 0; i != 5; ++i) {
      h.ask(1, "get");
      CHECK(h.take().find("open") != std::string::npos);
      h.fail(++connection);
      h.take();
      h.advance(1s);
    }
  }
  CHECK(h.engine.status().next_attempt == scheduled);
}

TEST_CASE("never given up: attempts continue for days, little more than a minute apart") {
  EngineHarness h;
  h.start();
  std::uint64_t connection = 1;
  TimePoint last = h.now;
  Duration longest{};
  while (h.now < TimePoint{1000s} + 48h) {
    h.fail(connection++);
    h.take();
    while (h.take().find("open") == std::string::npos) h.advance(500ms);
    longest = std::max(longest, h.now - last);
    CHECK(h.now - last >= 1s);
    last = h.now;
  }
  CHECK(longest <= 61s);
  CHECK(longest >= 50s);
  CHECK(h.engine.state() == PeerState::away);
  CHECK(h.count_logs("WARNING") <= 49);  // one at the loss, then at most one an hour
  CHECK(h.count_logs("WARNING") >= 40);
}

TEST_CASE("max-attempts gives up, SIGUSR1 tries again") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.max_attempts = 2;
  EngineHarness h(settings);
  h.start();
  h.fail(1);
  h.advance(2s);
  h.fail(2);
  h.take();
  CHECK(h.engine.state() == PeerState::given_up);
  CHECK(
      h.engine.status().remedy.starts_with(remedy_for(h.engine.status().last_error.code) + "; then loncctl reconnect"));
  h.ask(1, "get");
  h.advance(24h);
  CHECK(h.take() == "reply 1 con_lost");
  h.engine.reconnect(h.now);
  CHECK(h.take() == "open 3");
  h.handshake(3, true);
  CHECK(h.engine.state() == PeerState::up);
}

TEST_CASE("SIGUSR1 resets the failures and tries at once, but leaves a running attempt alone") {
  EngineHarness h;
  h.start();
  h.take();
  h.engine.reconnect(h.now);
  CHECK(h.take().empty());
  h.fail(1);
  h.take();
  h.engine.reconnect(h.now);
  CHECK(h.take() == "open 2");
  h.engine.reconnect(h.now);
  CHECK(h.take().empty());
  CHECK(h.engine.status().failed_in_a_row == 0);
  h.ask(1, "get");  // still away: requests do not wait for a peer that was away a moment ago
  CHECK(h.take() == "reply 1 con_lost");
}

TEST_CASE("a storm of SIGUSR1 tries a dead peer at once, and then according to its backoff") {
  const Duration interval = GENERATE(Duration(20ms), Duration(2s));
  EngineHarness h;
  h.start();
  h.fail(1);
  h.take();
  h.engine.reconnect(h.now);
  CHECK(h.take() == "open 2");
  h.fail(2);
  std::uint64_t attempts = 2;
  for (const TimePoint until = h.now + 10min; h.now < until;) {
    h.advance(interval);
    h.engine.reconnect(h.now);
    if (h.take().find("open") != std::string::npos) h.fail(++attempts);
  }
  CHECK(attempts <= 10 * 10);
  CHECK(attempts >= 10 * 2);
}

TEST_CASE("a storm of SIGUSR1 does not connect to a black hole again and again") {
  EngineHarness h;
  h.start();
  h.engine.connection_started(h.now, ConnectionId{1});
  std::uint64_t attempts = 1;
  for (const TimePoint until = h.now + 30min; h.now < until;) {
    h.advance(2s);
    h.engine.reconnect(h.now);
    if (h.take().find("open") != std::string::npos) h.engine.connection_started(h.now, ConnectionId{++attempts});
  }
  CHECK(attempts <= 30 * 4);
}

TEST_CASE("SIGUSR1 within a minute of the last one: a peer that was given up is tried when the minute is over") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.max_attempts = 1;
  EngineHarness h(settings);
  h.start();
  h.fail(1);
  h.engine.reconnect(h.now);
  h.fail(2);
  h.take();
  CHECK(h.engine.state() == PeerState::given_up);
  h.advance(10s);
  h.engine.reconnect(h.now);
  CHECK(h.take().empty());
  h.advance(49s);
  CHECK(h.take().empty());
  h.advance(1s);
  CHECK(h.take() == "open 3");
  // An administrator does not have to wait.
  h.fail(3);
  h.take();
  h.engine.resume(h.now);
  CHECK(h.take() == "open 4");
}

TEST_CASE("a peer that accepts and hangs up is not reconnected in a loop") {
  EngineHarness h;
  h.start();
  std::uint64_t connection = 0;
  for (int second = 0; second < 600; ++second) {
    if (h.take().find("open") != std::string::npos) {
      ++connection;
      h.handshake(connection, connection == 1);
      h.closed(connection);
    }
    h.advance(1s);
  }
  CHECK(connection < 40);
  CHECK(h.count_logs("WARNING") == 1);
  CHECK(h.count_logs("INFO") <= 1);
}

TEST_CASE("one hang-up is an accident: the peer is reconnected at once, and requests wait for it") {
  EngineHarness h;
  h.come_up();
  h.advance(2s);
  h.ask(1, "get");
  h.take();
  h.closed(1);
  CHECK(h.take() == "close 1; reply 1 con_lost; open 2");
  h.ask(2, "get");
  h.handshake(2);
  CHECK(h.take().ends_with("write 2 get"));
  h.closed(2);  // the second in a row, without an answer in between
  CHECK(h.take() == "close 2; reply 2 con_lost");
  CHECK(h.engine.state() == PeerState::away);
}

TEST_CASE("an answer between two hang-ups makes each of them an accident") {
  EngineHarness h;
  h.come_up();
  for (const std::uint64_t connection : {1U, 3U}) {
    h.advance(2s);
    h.ask(1, "get");
    h.closed(connection);  // without an answer
    h.handshake(connection + 1);
    h.ask(2, "get");
    h.line(connection + 1, "answer");
    h.take();
    h.closed(connection + 1);
    CHECK(h.engine.state() == PeerState::starting);
    h.handshake(connection + 2);
    h.take();
  }
}

TEST_CASE("a peer that keeps one connection and hangs up on every other is not reconnected in a loop") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.min_connections = 2;
  EngineHarness h(settings);
  h.start();
  h.handshake(1, true);
  std::uint64_t opened = 0;
  for (int second = 0; second < 600; ++second) {
    const std::string actions = h.take();
    if (const auto at = actions.rfind("open "); at != std::string::npos) {
      const std::uint64_t connection = std::stoull(actions.substr(at + 5));
      ++opened;
      h.handshake(connection);
      h.closed(connection);
    }
    h.advance(1s);
  }
  CHECK(opened < 40);
  CHECK(h.engine.state() == PeerState::up);
}

TEST_CASE("failures of further connections do not count towards max-attempts") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.max_attempts = 2;
  EngineHarness h(settings);
  h.come_up();
  h.ask(1, "a");
  h.ask(2, "b");
  h.fail(2);
  h.advance(5s);
  h.fail(3);
  h.take();
  h.closed(1);
  h.advance(1s);
  h.fail(4);
  CHECK(h.engine.state() == PeerState::away);
}

TEST_CASE("failures of an earlier outage do not count: a connection that lasted ends the series") {
  EngineHarness h;
  h.start();
  h.fail(1);
  h.advance(2s);
  h.handshake(2, true);
  h.advance(1h);
  h.closed(2);
  CHECK(h.engine.status().failed_in_a_row == 0);
}

TEST_CASE("an attempt is favoured unless the one before it failed and nothing has been reached since") {
  using enum AttemptClass;
  EngineHarness h;
  h.start();
  h.fail(1);
  h.advance(2s);
  h.handshake(2, true);
  h.closed(2);
  h.advance(2s);
  h.fail(3);
  h.engine.reconnect(h.now);
  CHECK(h.attempt_classes == std::vector{favoured, failed_last, favoured, failed_last});
}
