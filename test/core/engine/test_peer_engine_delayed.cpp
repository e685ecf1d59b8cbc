// Delayed messages in PeerEngine: their order, and how they alternate with live requests.
#include "core/engine/delayed_harness.hpp"
#include "support/catch.hpp"

#include <string>

namespace lonc::core::test {

TEST_CASE("delayed: messages on the disk are fetched, sent one by one, logged and fetched again") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 2);
  CHECK(peer.take() == "fetch");
  peer.hand_out({"put:a", "put:b"}, 2);
  CHECK(peer.take() == "write 1 put:a");
  peer.line(1, "ok");
  CHECK(peer.take() == "log S:msul3:put:a");
  peer.hand_out({}, 1);
  CHECK(peer.take() == "write 1 put:b");
  peer.line(1, "ok:done");
  CHECK(peer.take() == "log S:msul3:put:b and fetch");
  peer.hand_out({}, 0);
  CHECK(peer.take().empty());
  CHECK(peer.count_logs("Delayed put: >ok<") == 2);
  CHECK(peer.logged_commands == std::vector<std::string>{"put", "put"});
  CHECK(peer.engine.status().counters.delayed_delivered == 2);
}

TEST_CASE("delayed: nothing is sent before the answer to the previous message has been recorded") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 2);
  peer.hand_out({"put:a", "put:b"}, 2);
  peer.line(1, "ok");
  peer.take();
  peer.advance(1h);
  CHECK(peer.take().empty());
}

TEST_CASE("delayed: encrypt: is applied, and only the command word is written to the permanent log") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 1);
  peer.take();
  peer.hand_out({"encrypt:ping"}, 1);
  CHECK(peer.take() == "write 1 enc:4:9d9dd89823d2a488");
  peer.line(1, "enc:4:9d9dd89823d2a488");
  CHECK(peer.take() == "log S:msul3:encrypt:ping and fetch");
}

TEST_CASE("delayed: the first connection asks the spool, and live requests wait for its messages") {
  EngineHarness peer;
  peer.has_spool = true;
  peer.start();
  peer.ask(7, "live");
  peer.handshake(1, true);
  CHECK(peer.take() == "open 1; write 1 init; write 1 4711; write 1 pong; write 1 ekey; fetch");
  peer.hand_out({"put:a"}, 1);
  CHECK(peer.take() == "write 1 put:a");
  peer.line(1, "ok");
  CHECK(peer.take() == "log S:msul3:put:a and fetch");
  peer.hand_out({}, 0);
  CHECK(peer.take() == "write 1 live");
}

TEST_CASE("delayed: an empty spool does not hold live requests back") {
  EngineHarness peer;
  peer.has_spool = true;
  peer.start();
  peer.ask(7, "live");
  peer.handshake(1, true);
  peer.take();
  peer.hand_out({}, 0);
  CHECK(peer.take() == "write 1 live");
}

TEST_CASE(
    "delayed: a message that is too young does not hold live requests back, and is fetched when it is old enough") {
  EngineHarness peer;
  peer.has_spool = true;
  peer.start();
  peer.ask(7, "live");
  peer.handshake(1, true);
  peer.take();
  peer.engine.delayed_batch(peer.now, {.waiting = 1, .retry_after = 3s});
  CHECK(peer.take() == "write 1 live");
  peer.line(1, "answer");
  CHECK(peer.take() == "reply 7 answer");
  peer.advance(2999ms);
  CHECK(peer.take().empty());
  peer.advance(1ms);
  CHECK(peer.take() == "fetch");
}

TEST_CASE("delayed: after a reconnection live requests wait at most delayed-first, then both alternate") {
  Spooled peer(with([](PeerSettings&) {}));
  peer.closed(1);
  peer.engine.delayed_waiting(peer.now, 9);
  peer.advance(1s);
  peer.take();
  peer.handshake(2);
  CHECK(peer.take() == "write 2 init; write 2 4711; write 2 ekey; fetch");
  peer.hand_out({"put:a", "put:b", "put:c"}, 9);
  CHECK(peer.take() == "write 2 put:a");
  peer.ask(1, "live1");
  peer.ask(2, "live2");
  peer.line(2, "ok");
  peer.hand_out({}, 8);
  CHECK(peer.take() == "log S:msul3:put:a; write 2 put:b");
  peer.advance(2s);
  CHECK(peer.take().empty());
  peer.line(2, "ok");
  CHECK(peer.take() == "log S:msul3:put:b; write 2 live1");
  peer.hand_out({}, 7);
  peer.line(2, "answer1");
  CHECK(peer.take() == "reply 1 answer1; write 2 put:c");
  peer.line(2, "ok");
  CHECK(peer.take() == "log S:msul3:put:c and fetch; write 2 live2");
}

TEST_CASE("delayed: held requests do not open connections, and the deadline releases them") {
  Spooled peer;
  peer.closed(1);
  peer.engine.delayed_waiting(peer.now, 9);
  peer.advance(1s);
  peer.handshake(2);
  peer.take();
  peer.ask(1, "live1");
  peer.ask(2, "live2");
  CHECK(peer.take().empty());
  peer.advance(2s);
  CHECK(peer.take() == "write 2 live1; open 3");
}

TEST_CASE("delayed: strict holds live requests until the backlog has been delivered") {
  Spooled peer(with([](PeerSettings& settings) { settings.delayed_first = Duration::max(); }));
  peer.closed(1);
  peer.engine.delayed_waiting(peer.now, 1);
  peer.advance(1s);
  peer.handshake(2);
  peer.ask(1, "live");
  peer.take();
  peer.hand_out({"put:a"}, 1);
  peer.advance(50s);
  CHECK(peer.take() == "write 2 put:a");
  peer.line(2, "ok");
  CHECK(peer.take() == "log S:msul3:put:a and fetch");
  peer.hand_out({}, 0);
  CHECK(peer.take() == "write 2 live");
}

TEST_CASE("delayed: a deadline during a hold opens no connection for held requests") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.delayed_first = Duration::max();
  Spooled peer(settings);
  peer.closed(1);
  peer.engine.delayed_waiting(peer.now, 1);
  peer.advance(1s);
  peer.handshake(2);
  peer.ask(1, "live");
  peer.hand_out({"put:a"}, 1);
  CHECK(peer.take().ends_with("write 2 put:a"));
  peer.engine.reconnect(peer.now);  // evaluates all deadlines again
  CHECK(peer.take().empty());
  CHECK(peer.armed > peer.now);
  peer.line(2, "ok");
  peer.hand_out({}, 0);
  CHECK(peer.take() == "log S:msul3:put:a and fetch; write 2 live");
}

TEST_CASE("delayed: the answer to a live request is never taken for that to a delayed message, nor vice versa") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 1);
  peer.hand_out({"put:a"}, 1);
  peer.ask(1, "live");
  CHECK(peer.take() == "fetch; write 1 put:a; open 2");
  peer.handshake(2);
  peer.take();
  peer.line(2, "live answer");
  peer.line(1, "ok");
  CHECK(peer.take() == "reply 1 live answer; log S:msul3:put:a and fetch");
}

TEST_CASE("delayed: a disk that does not answer holds no request at the next connection") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 1);
  CHECK(peer.take() == "fetch");
  peer.lose_and_come_up(1);
  peer.take();
  peer.ask(1, "live");
  CHECK(peer.take() == "write 2 live");
}

TEST_CASE("delayed: a message is sent alone, with a fence that shows which request the answer belongs to") {
  Spooled peer(with([](PeerSettings& settings) {
    settings.pipeline_depth = 8;
    settings.pipeline_safe = CommandSet::parse("get").value();
  }));
  peer.ask(1, "get:1");
  peer.ask(2, "get:2");
  CHECK(peer.take() == "write 1 get:1 + ping");
  peer.engine.delayed_waiting(peer.now, 1);
  peer.hand_out({"put:a"}, 1);
  CHECK(peer.take() == "fetch");
  peer.lines(1, {"one", "msul3"});
  CHECK(peer.take() == "reply 1 one; write 1 put:a + ping");
  peer.line(1, "ok");
  CHECK(peer.take().empty());
  peer.line(1, "msul3");
  CHECK(peer.take() == "log S:msul3:put:a and fetch; write 1 get:2 + ping");
}

}  // namespace lonc::core::test
