// How PeerEngine handles failures to open a connection.
#include "core/engine/engine_harness.hpp"
#include "support/catch.hpp"

using namespace lonc::core;
using lonc::core::test::EngineHarness;
using namespace std::chrono_literals;

TEST_CASE("each kind of handshake failure has its own error") {
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
    CHECK(h.engine.status().last_error.text() == name);
    CHECK(h.engine.status().remedy == remedy_for(one.error));
    CHECK(h.count_logs("WARNING: Couldn't connect to msul3: " + name) == 1);
    CHECK(h.engine.state() == PeerState::away);
  }
}

TEST_CASE("pong has its own deadline, and the next attempt omits it") {
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
  CHECK(h.engine.status().last_error.text() == make_error_code(Errc::handshake_silent).message() + " (at pong)");
  h.advance(2s);
  h.handshake(2);
  CHECK(h.take() == "open 2; write 2 init; write 2 4711; write 2 ekey");
  CHECK(h.engine.state() == PeerState::up);
}

TEST_CASE("a pong from another id causes a warning with both ids, and the connection is used") {
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

TEST_CASE("no TCP connection within connect-timeout, which starts when it is the attempt's turn") {
  EngineHarness h;
  h.start();
  h.take();
  h.advance(100s);  // it waits for its turn behind others
  CHECK(h.engine.state() == PeerState::starting);
  h.engine.connection_started(h.now, ConnectionId{1});
  h.advance(10s);
  CHECK(h.take() == "close 1");
  CHECK(h.engine.status().last_error.text() == make_error_code(Errc::connect_timeout).message());
}
