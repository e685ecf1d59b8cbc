// Delayed messages as PeerEngine treats them: order, alternation with live requests, answers, failures.
#include "engine_harness.hpp"
#include "support/catch.hpp"

namespace lonc::core::test {

namespace {

// Up, with nothing on the disk; from here on the test answers for the spool.
struct Spooled : EngineHarness {
  explicit Spooled(PeerSettings settings = default_settings()) : EngineHarness(std::move(settings)) {
    come_up();
    has_spool = true;
  }
  // Two connections of one peer, the second one opened by hand.
  void lose_and_come_up(std::uint64_t connection) {
    closed(connection);
    advance(1s);
    handshake(connection + 1);
  }
};

PeerSettings with(void (*change)(PeerSettings&)) {
  PeerSettings settings = EngineHarness::default_settings();
  settings.max_connections = 1;
  change(settings);
  return settings;
}

}  // namespace

TEST_CASE("delayed: what is on the disk is fetched, sent one by one, logged and fetched again") {
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

TEST_CASE("delayed: nothing is sent before the answer of the one before has been recorded") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 2);
  peer.hand_out({"put:a", "put:b"}, 2);
  peer.line(1, "ok");
  peer.take();
  peer.advance(1h);
  CHECK(peer.take().empty());
}

TEST_CASE("delayed: encrypt: is applied, and only the word goes to the permanent log") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 1);
  peer.take();
  peer.hand_out({"encrypt:ping"}, 1);
  CHECK(peer.take() == "write 1 enc:4:9d9dd89823d2a488");
  peer.line(1, "enc:4:9d9dd89823d2a488");
  CHECK(peer.take() == "log S:msul3:encrypt:ping and fetch");
}

TEST_CASE("delayed: the first connection asks the spool, and live requests wait for what it has") {
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

TEST_CASE("delayed: one that is too young does not hold live requests back, and is asked for when it is old enough") {
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

TEST_CASE("delayed: after a reconnection live requests wait for delayed-first at most, then both alternate") {
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

TEST_CASE("delayed: held requests do not open connections, and the deadline frees them") {
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

TEST_CASE("delayed: strict holds live requests until the backlog is through") {
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

TEST_CASE("delayed: a deadline during a hold asks for no connection for those that are held") {
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
  peer.engine.reconnect(peer.now);  // looks at all deadlines anew
  CHECK(peer.take().empty());
  CHECK(peer.armed > peer.now);
  peer.line(2, "ok");
  peer.hand_out({}, 0);
  CHECK(peer.take() == "log S:msul3:put:a and fetch; write 2 live");
}

TEST_CASE("delayed: what was handed out goes back when the last one in flight failed after the peer was paused") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 2);
  peer.hand_out({"put:a", "put:b"}, 2);
  peer.engine.pause(peer.now, peer.now + 10s);
  peer.take();
  peer.line(1, "con_lost");
  CHECK(peer.take().starts_with("return"));
}

TEST_CASE("delayed: a message without an answer ends its connection, is sent again, and no longer precedes") {
  Spooled peer(with([](PeerSettings& settings) { settings.delayed_first = Duration::max(); }));
  peer.engine.delayed_waiting(peer.now, 1);
  peer.hand_out({"put:a"}, 1);
  peer.take();
  peer.advance(60s);
  CHECK(peer.take() == "close 1; return, first was sent; open 2");
  peer.advance(1s);
  peer.handshake(2);
  peer.take();
  peer.ask(1, "live");
  CHECK(peer.take() == "write 2 live");
  peer.line(2, "answer");
  peer.hand_out({}, 1);
  peer.take();
  CHECK(peer.engine.status().delayed_attempts == 1);
}

TEST_CASE("delayed: a message that fails delayed-max-attempts times while the peer answers others is set aside") {
  Spooled peer(with([](PeerSettings& settings) { settings.delayed_max_attempts = 3; }));
  peer.engine.delayed_waiting(peer.now, 2);
  peer.take();
  peer.hand_out({"put:bad", "put:good"}, 2);
  CHECK(peer.take() == "write 1 put:bad");
  for (unsigned attempt = 1; attempt <= 3; ++attempt) {
    peer.line(1, "con_lost");
    CHECK(peer.engine.status().delayed_attempts == attempt);
    CHECK(peer.engine.status().delayed_tried == "m1");
    peer.advance(60s);
    CHECK(peer.take() == "write 1 ping");
    peer.line(1, "msul3");
    if (attempt == 3) break;
    CHECK(peer.take() == "write 1 put:bad");
    CHECK(peer.delayed_failures == attempt);
  }
  CHECK(peer.take() == "set aside: it failed 3 times in a row, at last: the answer was con_lost");
  CHECK(peer.engine.status().counters.delayed_failed == 3);
  CHECK(peer.engine.status().counters.delayed_set_aside == 1);
  peer.hand_out({}, 1);
  CHECK(peer.take() == "write 1 put:good");
}

TEST_CASE("delayed: a peer that hangs up on everything uses up no message's attempts") {
  Spooled peer(with([](PeerSettings& settings) { settings.delayed_max_attempts = 2; }));
  peer.engine.delayed_waiting(peer.now, 1);
  peer.take();
  peer.hand_out({"put:a"}, 1);
  CHECK(peer.take() == "write 1 put:a");
  for (std::uint64_t connection = 1; connection != 9; ++connection) {
    peer.closed(connection);
    peer.advance(5min);
    CHECK(peer.take().find("set aside") == std::string::npos);
    peer.handshake(connection + 1);
    peer.take();
    peer.engine.delayed_batch(peer.now, {.messages = {{"m1", "put:a"}}, .waiting = 1});
    CHECK(peer.take() == "write " + std::to_string(connection + 1) + " ping");
    CHECK(peer.delayed_failures == 0);
  }
  CHECK(peer.engine.status().delayed_attempts == 1);
  peer.line(9, "msul3");
  CHECK(peer.delayed_failures == 1);
  CHECK(peer.take() == "write 9 put:a");
  peer.line(9, "ok");
  CHECK(peer.take() == "log S:msul3:put:a and fetch");
}

TEST_CASE("delayed: an answer to a live request shows as well that the peer is not to blame") {
  Spooled peer(with([](PeerSettings& settings) { settings.delayed_max_attempts = 2; }));
  peer.engine.delayed_waiting(peer.now, 1);
  peer.hand_out({"put:a"}, 1);
  peer.line(1, "con_lost");
  peer.take();
  peer.ask(1, "live");
  peer.line(1, "answer");
  CHECK(peer.take() == "write 1 live; reply 1 answer");
  peer.advance(60s);
  CHECK(peer.take() == "write 1 put:a");
  CHECK(peer.delayed_failures == 1);
}

TEST_CASE("delayed: attempts that were counted before the process began count on, until an operator forgets them") {
  Spooled peer(with([](PeerSettings& settings) { settings.delayed_max_attempts = 3; }));
  peer.engine.delayed_waiting(peer.now, 1);
  peer.engine.delayed_batch(peer.now, {.messages = {{"m1", "put:a", 2}}, .waiting = 1});
  peer.line(1, "con_lost");
  const bool is_forgotten = GENERATE(false, true);
  if (is_forgotten) {
    peer.engine.retry_delayed(peer.now);
    CHECK(peer.delayed_failures == 0);
    CHECK(peer.take() == "fetch; write 1 put:a; write 1 put:a");
    return;
  }
  peer.advance(60s);
  peer.line(1, "msul3");
  CHECK(peer.take() ==
        "fetch; write 1 put:a; write 1 ping; set aside: it failed 3 times in a row, at last: the answer was con_lost "
        "and fetch");
}

TEST_CASE("delayed: what the peer refuses is set aside with the first word of its answer") {
  for (const std::string word : {"refused", "rejected", "unknown_cmd", "error"}) {
    Spooled peer;
    peer.engine.delayed_waiting(peer.now, 1);
    peer.hand_out({"put:a"}, 1);
    peer.take();
    peer.line(1, word + ":secret");
    CHECK(peer.take() == "set aside: the answer was " + word + " and fetch");
    CHECK(peer.count_logs("Delayed put: >" + word + "<") == 1);
  }
}

TEST_CASE("delayed: con_lost as an answer is no answer") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 1);
  peer.hand_out({"put:a"}, 1);
  peer.take();
  peer.line(1, "con_lost");
  CHECK(peer.take().empty());
  peer.advance(60s);
  CHECK(peer.take() == "write 1 ping");
  peer.line(1, "con_lost");
  peer.advance(60s);
  CHECK(peer.take() == "write 1 ping");
  peer.line(1, "msul3");
  CHECK(peer.take() == "write 1 put:a");
  peer.line(1, "ok");
  CHECK(peer.take() == "log S:msul3:put:a and fetch");
}

TEST_CASE("delayed: a live answer never goes to a delayed message, nor the other way round") {
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

TEST_CASE("delayed: in trouble nothing more of what was handed out is sent") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 2);
  peer.hand_out({"put:a", "put:b"}, 2);
  peer.line(1, "ok");
  peer.take();
  peer.engine.delayed_batch(peer.now, {.waiting = 1, .retry_after = 5s, .is_held_up = true});
  CHECK(peer.take().empty());
  peer.advance(5s);
  CHECK(peer.take() == "fetch");
}

TEST_CASE("delayed: what comes from the spool when the peer is lost again goes back") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 1);
  CHECK(peer.take() == "fetch");
  peer.closed(1);
  peer.take();
  peer.hand_out({"put:a"}, 1);
  CHECK(peer.take() == "return");
}

TEST_CASE("delayed: a drain lets the one in flight end, and gives back the rest") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 2);
  peer.hand_out({"put:a", "put:b"}, 2);
  peer.take();
  peer.engine.drain(peer.now, peer.now + 10s);
  CHECK(peer.take().empty());
  peer.line(1, "ok");
  CHECK(peer.take() == "log S:msul3:put:a; write 1 exit");
  peer.hand_out({}, 1);
  CHECK(peer.take() == "return");
}

TEST_CASE("delayed: a drain that ends before the disk has answered gives back what was not sent") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 2);
  peer.hand_out({"put:a", "put:b"}, 2);
  peer.take();
  peer.engine.drain(peer.now, peer.now + 10s);
  peer.line(1, "ok");
  peer.take();
  peer.closed(1);
  CHECK(peer.take() == "close 1; return; drained");
}

TEST_CASE("delayed: a drain that runs out of time says that the one in flight may have arrived") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 1);
  peer.hand_out({"put:a"}, 1);
  peer.take();
  peer.engine.drain(peer.now, peer.now + 10s);
  peer.advance(10s);
  CHECK(peer.take() == "close 1; return, first was sent; drained");
  CHECK(peer.engine.status().counters.delayed_failed == 0);
}

TEST_CASE("delayed: a disk that does not answer holds nobody at the next connection") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 1);
  CHECK(peer.take() == "fetch");
  peer.lose_and_come_up(1);
  peer.take();
  peer.ask(1, "live");
  CHECK(peer.take() == "write 2 live");
}

TEST_CASE("delayed: a message goes alone, with a fence behind it that shows whose the answer is") {
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
