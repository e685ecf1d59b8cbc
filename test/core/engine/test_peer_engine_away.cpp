// A peer that is away: which requests wait, which are answered at once, and how a loss is reported.
#include "core/engine/engine_harness.hpp"
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

TEST_CASE("a request waits at most connect-wait from the start of the attempt, later requests do not wait") {
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

TEST_CASE("a ping to a peer that is not up never waits: it may be the callback of our own pong") {
  EngineHarness h;
  h.start();
  h.take();
  h.ask(1, "ping");
  CHECK(h.take() == "reply 1 con_lost");
}

TEST_CASE("after a failed attempt requests get con_lost at once, also while a later attempt runs") {
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

TEST_CASE("the loss of a working connection: requests wait for the attempt that follows immediately") {
  EngineHarness h;
  h.come_up();
  h.advance(60s);
  h.closed(1);
  CHECK(h.take() == "close 1; open 2");
  h.ask(1, "get");
  CHECK(h.take().empty());
  SECTION("it succeeds: nothing is logged") {
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
    CHECK(h.count_logs("INFO: msul3 online again after 2 s; 1 request got con_lost meanwhile") == 1);
    CHECK_FALSE(h.engine.status().lost_because);
  }
}

TEST_CASE("a network path that became silent remains visible as the cause") {
  EngineHarness h;
  h.come_up();
  h.advance(60s);
  h.closed(1, Errc::path_silent);
  h.fail(2, Errc::connect_timeout);
  CHECK(h.engine.status().lost_because == Errc::path_silent);
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
