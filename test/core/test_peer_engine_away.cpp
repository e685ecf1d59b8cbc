// A peer that is away: who waits, who is told at once, when it is tried again, what people are told.
#include "engine_harness.hpp"
#include "support/catch.hpp"

using namespace lonc::core;
using lonc::core::test::EngineHarness;
using namespace std::chrono_literals;

TEST_CASE("a request waits for the first attempt") {
  EngineHarness h;
  h.start();
  h.ask(1, "get");
  CHECK(h.take() == "open 1");
  h.advance(4s);
  h.handshake(1, true);
  CHECK(h.take().ends_with("write 1 get"));
}

TEST_CASE("a request waits at most connect-wait from the start of the attempt, later ones not at all") {
  EngineHarness h;
  h.start();
  h.engine.connection_started(h.now, ConnectionId{1});
  h.advance(4s);
  h.ask(1, "get");
  h.take();
  h.advance(900ms);
  CHECK(h.take().empty());
  h.advance(100ms);
  CHECK(h.take() == "reply 1 con_lost");
  h.ask(2, "get");
  CHECK(h.take() == "reply 2 con_lost");
  CHECK(h.engine.state() == PeerState::starting);
}

TEST_CASE("a ping to a peer that is not up never waits: it may be the call-back of our own pong") {
  EngineHarness h;
  h.start();
  h.take();
  h.ask(1, "ping");
  CHECK(h.take() == "reply 1 con_lost");
}

TEST_CASE("after a failed attempt requests are con_lost at once, also while a later attempt runs") {
  EngineHarness h;
  h.start();
  h.ask(1, "get");
  h.take();
  h.fail(1);
  CHECK(h.take() == "close 1; reply 1 con_lost");
  CHECK(h.engine.state() == PeerState::away);
  h.ask(2, "get");
  CHECK(h.take() == "reply 2 con_lost");
  h.advance(2s);
  CHECK(h.take() == "open 2");
  h.ask(3, "get");
  CHECK(h.take() == "reply 3 con_lost");
}

TEST_CASE("traffic brings the next attempt forward, to at most one a second") {
  EngineHarness h;
  h.start();
  h.take();
  // Far into the back-off, so that the next attempt would be late.
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

TEST_CASE("never given up: attempts go on for days, at most a minute and a bit apart") {
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
  CHECK(h.count_logs("WARNING") <= 49);  // one when it went, then at most one an hour
  CHECK(h.count_logs("WARNING") >= 40);
}

TEST_CASE("max-attempts gives up, SIGUSR1 takes it back") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.max_attempts = 2;
  EngineHarness h(settings);
  h.start();
  h.fail(1);
  h.advance(2s);
  h.fail(2);
  h.take();
  CHECK(h.engine.state() == PeerState::given_up);
  h.ask(1, "get");
  h.advance(24h);
  CHECK(h.take() == "reply 1 con_lost");
  h.engine.reconnect(h.now);
  CHECK(h.take() == "open 3");
  h.handshake(3, true);
  CHECK(h.engine.state() == PeerState::up);
}

TEST_CASE("SIGUSR1 forgets failures and tries now, but leaves a running attempt alone") {
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
  h.ask(1, "get");  // still away: nobody waits for a peer that was away a moment ago
  CHECK(h.take() == "reply 1 con_lost");
}

TEST_CASE("the loss of a working connection: requests wait for the attempt that follows at once") {
  EngineHarness h;
  h.come_up();
  h.advance(60s);
  h.closed(1);
  CHECK(h.take() == "close 1; open 2");
  h.ask(1, "get");
  CHECK(h.take().empty());
  SECTION("it succeeds: nobody is told") {
    h.handshake(2);
    CHECK(h.take().ends_with("write 2 get"));
    CHECK(h.count_logs("WARNING") + h.count_logs("INFO") == 0);
  }
  SECTION("it fails: one WARNING with the cause, one INFO at the return") {
    h.fail(2);
    CHECK(h.take() == "close 2; reply 1 con_lost");
    CHECK(h.count_logs("WARNING: Couldn't connect to msul3: Connection refused") == 1);
    CHECK(h.engine.status().text ==
          "Away: Connection refused (lost: " + make_error_code(Errc::connection_closed).message() + ")");
    h.advance(2s);
    h.handshake(3);
    CHECK(h.count_logs("INFO: msul3 online again after 2 s; 1 requests got con_lost meanwhile") == 1);
    CHECK(h.engine.status().lost_because.empty());
  }
}

TEST_CASE("a path that went silent stays visible as the cause") {
  EngineHarness h;
  h.come_up();
  h.advance(60s);
  h.closed(1, Errc::path_silent);
  h.fail(2, Errc::connect_timeout);
  CHECK(h.engine.status().lost_because == make_error_code(Errc::path_silent).message());
}

TEST_CASE("a peer that accepts and hangs up is not called in a loop") {
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

TEST_CASE("one hang-up is an accident: the peer is called again at once, and requests wait for it") {
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
  h.closed(2);  // the second in a row, without one answer
  CHECK(h.take() == "close 2; reply 2 con_lost");
  CHECK(h.engine.state() == PeerState::away);
}

TEST_CASE("a peer that keeps one connection and hangs up on every other is not called in a loop") {
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

TEST_CASE("failures of an earlier outage do not count: a connection that held ends the row") {
  EngineHarness h;
  h.start();
  h.fail(1);
  h.advance(2s);
  h.handshake(2, true);
  h.advance(1h);
  h.closed(2);
  CHECK(h.engine.status().failed_in_a_row == 0);
}

TEST_CASE("each way in which a handshake fails has its own name") {
  struct Case {
    Errc error;
    std::string_view at;
    std::function<void(EngineHarness&)> fault;
  };
  const Case cases[] = {
      {Errc::handshake_refused, "init", [](auto& h) { h.line(1, "refused"); }},
      {Errc::handshake_refused, "challenge", [](auto& h) { h.line(1, "4711"), h.line(1, "refused"); }},
      {Errc::handshake_wrong, "challenge", [](auto& h) { h.line(1, "220 mail"), h.line(1, "500 what?"); }},
      {Errc::handshake_garbage, "init", [](auto& h) { h.line(1, "\x16\x03\x01"); }},
      {Errc::handshake_garbage, "init", [](auto& h) { h.lines(1, {"4711", "ok"}); }},
      {Errc::handshake_garbage, "init", [](auto& h) { h.lines(1, {"4711"}, "o"); }},
      {Errc::handshake_self, "pong", [](auto& h) { h.line(1, "4711"), h.line(1, "ok"), h.line(1, "data1:data1"); }},
      {Errc::handshake_closed, "init", [](auto& h) { h.closed(1); }},
      {Errc::handshake_closed, "init", [](auto& h) { h.closed(1, std::make_error_code(std::errc::connection_reset)); }},
      {Errc::handshake_closed, "ekey",
       [](auto& h) { h.line(1, "4711"), h.line(1, "ok"), h.line(1, "msul3:data1"), h.closed(1); }},
      {Errc::handshake_too_long, "init", [](auto& h) { h.closed(1, Errc::reply_too_long); }},
      {Errc::handshake_too_long, "init", [](auto& h) { h.line(1, std::string(2000, '1')); }},
      {Errc::handshake_silent, "init", [](auto& h) { h.advance(10s); }},
      {Errc::handshake_silent, "challenge", [](auto& h) { h.line(1, "4711"), h.advance(10s); }},
      {Errc::handshake_silent, "ekey",
       [](auto& h) { h.line(1, "4711"), h.line(1, "ok"), h.line(1, "msul3:data1"), h.advance(10s); }},
  };
  for (const Case& one : cases) {
    EngineHarness h;
    h.start();
    h.up(1);
    one.fault(h);
    const std::string name = make_error_code(one.error).message() + " (at " + std::string(one.at) + ")";
    CHECK(h.engine.status().last_error == name);
    CHECK(h.count_logs("WARNING: Couldn't connect to msul3: " + name) == 1);
    CHECK(h.engine.state() == PeerState::away);
  }
}

TEST_CASE("pong has a deadline of its own, and the next attempt goes without it") {
  EngineHarness h;
  h.start();
  h.up(1);
  h.line(1, "4711");
  h.line(1, "ok");
  h.take();
  h.advance(59s);
  CHECK(h.take().empty());
  h.advance(1s);
  CHECK(h.take() == "close 1");
  CHECK(h.engine.status().last_error == make_error_code(Errc::handshake_silent).message() + " (at pong)");
  h.advance(2s);
  h.handshake(2);
  CHECK(h.take() == "open 2; write 2 init; write 2 4711; write 2 ekey");
  CHECK(h.engine.state() == PeerState::up);
}

TEST_CASE("a pong from another id is warned of, with both ids, and the link is used") {
  EngineHarness h;
  h.start();
  h.up(1);
  h.line(1, "4711");
  h.line(1, "ok");
  h.line(1, "msul4:data1");
  h.line(1, "4711");
  CHECK(h.engine.state() == PeerState::up);
  REQUIRE(h.count_logs("WARNING") == 1);
  const std::string& warning = *std::ranges::find_if(h.logs, [](const auto& log) { return log.starts_with("W"); });
  CHECK(warning.find("msul3") != std::string::npos);
  CHECK(warning.find("msul4") != std::string::npos);
}

TEST_CASE("no TCP connection within connect-timeout, which runs from the attempt's turn") {
  EngineHarness h;
  h.start();
  h.take();
  h.advance(100s);  // it waits for its turn behind others
  CHECK(h.engine.state() == PeerState::starting);
  h.engine.connection_started(h.now, ConnectionId{1});
  h.advance(10s);
  CHECK(h.take() == "close 1");
  CHECK(h.engine.status().last_error == make_error_code(Errc::connect_timeout).message());
}

TEST_CASE("events of connections that have ended are ignored") {
  EngineHarness h;
  h.start();
  h.fail(1);
  h.take();
  h.engine.connection_up(h.now, ConnectionId{1});
  h.line(1, "4711");
  h.closed(1);
  CHECK(h.take().empty());
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
