// A peer that an administrator takes out of service and puts back.
#include "core/engine/engine_harness.hpp"
#include "support/catch.hpp"

using namespace lonc::core;
using lonc::core::test::EngineHarness;
using namespace std::chrono_literals;

TEST_CASE(
    "pause: requests in flight are finished, waiting ones get con_lost, exit is sent, and nothing is tried any more") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.max_connections = 1;
  EngineHarness h(settings);
  h.come_up();
  h.ask(1, "a");
  h.ask(2, "b");
  h.take();
  CHECK(h.engine.status().remedy.empty());
  h.engine.pause(h.now, h.now + 10s);
  CHECK(h.engine.status().remedy == "put it back into service with loncctl reconnect msul3");
  CHECK(h.engine.state() == PeerState::paused);
  CHECK(h.engine.status().text == "Drained by an administrator");
  CHECK(h.take() == "reply 2 con_lost");
  h.ask(3, "c");
  CHECK(h.take() == "reply 3 con_lost");
  h.advance(1s);
  h.line(1, "A");
  CHECK(h.take() == "reply 1 A; write 1 exit");
  h.line(1, "bye");
  CHECK(h.take() == "close 1");
  h.ask(4, "d");
  CHECK(h.take() == "reply 4 con_lost");
  h.advance(24h);
  CHECK(h.take().empty());
  CHECK(h.engine.state() == PeerState::paused);
  CHECK(h.count_logs("Drained by an administrator") == 1);
}

TEST_CASE("pause: requests in flight have until the given time") {
  EngineHarness h;
  h.come_up();
  h.ask(1, "a");
  h.take();
  h.engine.pause(h.now, h.now + 10s);
  h.advance(9s);
  CHECK(h.take().empty());
  h.advance(1s);
  CHECK(h.take() == "close 1; reply 1 con_lost");
  h.advance(24h);
  CHECK(h.take().empty());
  CHECK(h.engine.state() == PeerState::paused);
}

TEST_CASE("a second pause can only bring the end forward") {
  EngineHarness h;
  h.come_up();
  h.ask(1, "a");
  h.engine.pause(h.now, h.now + 1s);
  h.engine.pause(h.now, h.now + 10s);
  h.take();
  h.advance(1s);
  CHECK(h.take() == "close 1; reply 1 con_lost");
}

TEST_CASE("a peer that does not answer exit is not waited for when it is paused") {
  EngineHarness h;
  h.come_up();
  h.engine.pause(h.now, h.now + 10s);
  CHECK(h.take() == "write 1 exit");
  h.advance(2s);
  CHECK(h.take() == "close 1");
}

TEST_CASE("pause while an attempt runs, and while the peer is away") {
  EngineHarness h;
  h.start();
  h.up(1);
  h.ask(1, "a");
  h.take();
  h.engine.pause(h.now, h.now + 10s);
  CHECK(h.take() == "reply 1 con_lost; close 1");
  EngineHarness away;
  away.start();
  away.fail(1);
  away.take();
  away.engine.pause(away.now, away.now + 10s);
  away.ask(1, "a");
  away.advance(24h);
  CHECK(away.take() == "reply 1 con_lost");
  CHECK(away.engine.status().next_attempt == never);
}

TEST_CASE("neither SIGUSR1 nor a client that asks for it wakes a paused peer") {
  EngineHarness h;
  h.come_up();
  h.engine.pause(h.now, h.now);
  h.take();
  h.engine.reconnect(h.now);
  CHECK(h.take().empty());
  h.ask(1, "close_connection_exit");
  CHECK(h.take() == "close client 1");
  h.engine.retry_delayed(h.now);
  h.engine.withdraw_delayed(h.now);
  h.advance(1h);
  CHECK(h.take().empty());
  CHECK(h.engine.state() == PeerState::paused);
}

TEST_CASE("resume: the peer is tried at once, and requests wait for it as after the start") {
  EngineHarness h;
  h.come_up();
  h.engine.pause(h.now, h.now);
  h.take();
  h.advance(100ms);
  h.engine.resume(h.now);
  CHECK(h.engine.state() == PeerState::starting);
  CHECK(h.take() == "open 2");
  CHECK(h.count_logs("Put back into service") == 1);
  h.ask(1, "a");
  h.handshake(2);
  CHECK(h.take().ends_with("write 2 a"));
  CHECK(h.engine.state() == PeerState::up);
}

TEST_CASE("resume with a request in flight: its connection is used again, but not one that was being closed") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.min_connections = 2;
  EngineHarness h(settings);
  h.come_up();
  h.handshake(2);
  h.ask(1, "a");
  h.take();
  h.engine.pause(h.now, h.now + 10s);
  CHECK(h.take() == "write 2 exit");
  h.engine.resume(h.now);
  CHECK(h.engine.state() == PeerState::up);
  CHECK(h.take() == "close 2; open 3");
  h.line(1, "A");
  CHECK(h.take() == "reply 1 A");
  h.advance(20s);
  CHECK(h.engine.state() == PeerState::up);
  CHECK(h.engine.status().connections == 1);
}

TEST_CASE("resume of a peer that is not paused is a reconnect") {
  EngineHarness h;
  h.start();
  h.fail(1);
  h.take();
  h.engine.resume(h.now);
  CHECK(h.take() == "open 2");
  CHECK(h.engine.state() == PeerState::away);
}

TEST_CASE("new settings put a paused peer back into service") {
  EngineHarness h;
  h.come_up();
  h.engine.pause(h.now, h.now);
  h.take();
  h.engine.apply(h.now, EngineHarness::default_settings());
  CHECK(h.take() == "open 2");
  CHECK(h.engine.state() == PeerState::starting);
}

TEST_CASE("a paused peer gets no delayed message, but the one in flight is waited for") {
  EngineHarness h;
  h.has_spool = true;
  h.start();
  h.handshake(1, true);
  h.hand_out({"d1", "d2"}, 2);
  h.take();
  h.engine.pause(h.now, h.now + 10s);
  CHECK(h.take().empty());
  h.line(1, "ok");
  CHECK(h.take() == "log S:msul3:d1; write 1 exit");
  h.hand_out({}, 1);
  CHECK(h.take() == "return");
  h.line(1, "bye");
  h.engine.delayed_waiting(h.now, 5);
  h.advance(1h);
  CHECK(h.take() == "close 1");
  CHECK(h.engine.status().delayed_waiting == 5);
}

TEST_CASE("a paused peer returns a delayed message that is not answered in time") {
  EngineHarness h;
  h.has_spool = true;
  h.start();
  h.handshake(1, true);
  h.hand_out({"d1"}, 1);
  h.take();
  h.engine.pause(h.now, h.now + 10s);
  h.advance(10s);
  CHECK(h.take() == "close 1; return, first was sent");
}

TEST_CASE("a paused peer drains like any other") {
  EngineHarness h;
  h.come_up();
  h.ask(1, "a");
  h.take();
  h.engine.pause(h.now, h.now + 10s);
  h.engine.drain(h.now, h.now + 20s);
  CHECK(h.take().empty());
  h.line(1, "A");
  CHECK(h.take() == "reply 1 A; write 1 exit");
  h.line(1, "bye");
  CHECK(h.take() == "close 1; drained");
  EngineHarness quiet;
  quiet.come_up();
  quiet.engine.pause(quiet.now, quiet.now);
  quiet.engine.drain(quiet.now, quiet.now + 10s);
  CHECK(quiet.take() == "write 1 exit; close 1; drained");
  quiet.engine.pause(quiet.now, quiet.now);
  quiet.engine.resume(quiet.now);
  CHECK(quiet.take().empty());
  CHECK(quiet.engine.state() == PeerState::stopped);
}
