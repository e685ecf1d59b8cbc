// Delayed messages in PeerEngine: failed attempts, refusals, and what is returned to the spool.
#include "core/engine/delayed_harness.hpp"
#include "support/catch.hpp"

#include <string>

namespace lonc::core::test {

TEST_CASE("delayed: messages handed out are returned when the last one in flight fails after the peer was paused") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 2);
  peer.hand_out({"put:a", "put:b"}, 2);
  peer.engine.pause(peer.now, peer.now + 10s);
  peer.take();
  peer.line(1, "con_lost");
  CHECK(peer.take().starts_with("return"));
}

TEST_CASE("delayed: a message without an answer ends its connection, is sent again, and no longer has precedence") {
  Spooled peer(with([](PeerSettings& settings) { settings.delayed_first = Duration::max(); }));
  peer.engine.delayed_waiting(peer.now, 1);
  peer.hand_out({"put:a"}, 1);
  peer.take();
  peer.advance(60s);
  CHECK(peer.take() == "close 1; return, first was sent; open 2");
  CHECK(peer.count_repetitions("m1") == 1);
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

TEST_CASE("delayed: a message whose connection lonc itself closed is also named in the log, but is no failed attempt") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 1);
  peer.hand_out({"put:a"}, 1);
  peer.advance(10s);
  peer.ask(1, "close_connection_exit");
  CHECK(peer.count_repetitions("m1") == 1);
  CHECK(peer.engine.status().counters.delayed_failed == 0);
}

TEST_CASE("delayed: a message that fails delayed-max-attempts times while the peer answers others is quarantined") {
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
  CHECK(peer.take() == "set aside: it failed 3 times in a row; the last time: the answer was con_lost");
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

TEST_CASE("delayed: an answer to a live request also shows that the message is at fault, not the peer") {
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

TEST_CASE("delayed: attempts counted before the process started still count, until an operator resets them") {
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
        "fetch; write 1 put:a; write 1 ping; set aside: it failed 3 times in a row; the last time: the answer was "
        "con_lost and fetch");
}

TEST_CASE("delayed: a failed attempt that an operator resets while a ping about it is in flight is not counted") {
  Spooled peer(with([](PeerSettings& settings) { settings.delayed_max_attempts = 1; }));
  peer.engine.delayed_waiting(peer.now, 1);
  peer.hand_out({"put:a"}, 1);
  peer.line(1, "con_lost");
  peer.take();
  peer.advance(60s);
  CHECK(peer.take() == "write 1 ping");
  peer.engine.retry_delayed(peer.now);
  peer.line(1, "msul3");
  CHECK(peer.take() == "write 1 put:a");
  CHECK(peer.delayed_failures == 0);
  CHECK(peer.engine.status().delayed_attempts == 0);
}

TEST_CASE("delayed: a message that the peer refuses is quarantined with the first word of the answer") {
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

TEST_CASE("delayed: the answer con_lost counts as no answer") {
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

TEST_CASE("delayed: if the spool is in trouble, no more of the messages handed out are sent") {
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

TEST_CASE("delayed: messages that the spool hands out after the peer is lost again are returned") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 1);
  CHECK(peer.take() == "fetch");
  peer.closed(1);
  peer.take();
  peer.hand_out({"put:a"}, 1);
  CHECK(peer.take() == "return");
}

TEST_CASE("delayed: a drain waits for the message in flight, and returns the rest") {
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

TEST_CASE("delayed: a drain that ends before the disk has answered returns the unsent messages") {
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

TEST_CASE("delayed: a drain that runs out of time reports that the message in flight may have arrived") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 1);
  peer.hand_out({"put:a"}, 1);
  peer.take();
  peer.engine.drain(peer.now, peer.now + 10s);
  peer.advance(10s);
  CHECK(peer.take() == "close 1; return, first was sent; drained");
  CHECK(peer.engine.status().counters.delayed_failed == 0);
}

TEST_CASE("delayed: a message that has failed holds no live request at the next connection") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 1);
  peer.hand_out({"put:a"}, 1);
  peer.line(1, "con_lost");
  peer.closed(1);
  peer.advance(5min);
  peer.handshake(2);
  peer.take();
  peer.ask(1, "live");
  CHECK(peer.take() == "write 2 live");
}

TEST_CASE("delayed: the pauses of a message that has been delivered do not slow down the next one") {
  Spooled peer(with([](PeerSettings& settings) { settings.delayed_max_attempts = 100; }));
  peer.engine.delayed_waiting(peer.now, 2);
  peer.hand_out({"put:a", "put:b"}, 2);
  for (int attempt = 0; attempt != 6; ++attempt) {
    peer.line(1, "con_lost");
    peer.advance(60s);
    peer.line(1, "msul3");  // to the ping
  }
  peer.line(1, "ok");
  peer.hand_out({}, 1);
  peer.line(1, "con_lost");
  peer.take();
  peer.advance(1s);
  CHECK(peer.take() == "write 1 ping");
}

TEST_CASE("delayed: a message whose answer is too long is quarantined") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 1);
  peer.hand_out({"put:a"}, 1);
  peer.take();
  peer.closed(1, Errc::reply_too_long);
  CHECK(peer.take().find("set aside: its answer is longer than max-line-length") != std::string::npos);
}

TEST_CASE("delayed: a peer that hangs up on the ping is not asked again at once") {
  Spooled peer;
  peer.engine.delayed_waiting(peer.now, 1);
  peer.hand_out({"put:a"}, 1);
  peer.line(1, "con_lost");
  peer.take();
  peer.advance(60s);
  CHECK(peer.take() == "write 1 ping");
  peer.closed(1);
  peer.handshake(2);
  peer.take();
  peer.engine.delayed_batch(peer.now, {.messages = {{"m1", "put:a"}}, .waiting = 1});
  CHECK(peer.take().find("ping") == std::string::npos);
  peer.advance(60s);
  CHECK(peer.take().find("write 2 ping") != std::string::npos);
}

}  // namespace lonc::core::test
