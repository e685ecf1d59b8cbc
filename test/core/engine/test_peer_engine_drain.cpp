// Draining, and new settings.
#include "core/engine/engine_harness.hpp"
#include "support/catch.hpp"

using namespace lonc::core;
using lonc::core::test::EngineHarness;
using namespace std::chrono_literals;

TEST_CASE(
    "drain: requests in flight are finished, waiting ones get con_lost, exit is sent, new ones are not accepted") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.max_connections = 1;
  EngineHarness h(settings);
  h.come_up();
  h.ask(1, "a");
  h.ask(2, "b");
  h.take();
  h.engine.drain(h.now, h.now + 10s);
  CHECK(h.take() == "reply 2 con_lost");
  h.ask(3, "c");
  CHECK(h.take() == "reply 3 con_lost");
  h.advance(1s);
  h.line(1, "A");
  CHECK(h.take() == "reply 1 A; write 1 exit");
  h.line(1, "bye");
  CHECK(h.take() == "close 1; drained");
  CHECK(h.count_logs("Closing msul3: bye") == 1);
  CHECK(h.engine.state() == PeerState::stopped);
  h.ask(4, "d");
  CHECK(h.take() == "reply 4 con_lost");
}

TEST_CASE("drain ends at its deadline, even with requests in flight") {
  EngineHarness h;
  h.come_up();
  h.ask(1, "a");
  h.take();
  h.engine.drain(h.now, h.now + 10s);
  h.advance(9s);
  CHECK(h.take().empty());
  h.advance(1s);
  CHECK(h.take() == "close 1; reply 1 con_lost; drained");
}

TEST_CASE("a second signal ends a drain at once") {
  EngineHarness h;
  h.come_up();
  h.ask(1, "a");
  h.engine.drain(h.now, h.now + 10s);
  h.take();
  h.engine.drain(h.now, h.now);
  CHECK(h.take() == "close 1; reply 1 con_lost; drained");
}

TEST_CASE("a later deadline does not extend a drain") {
  EngineHarness h;
  h.come_up();
  h.ask(1, "a");
  h.engine.drain(h.now, h.now + 1s);
  h.engine.drain(h.now, h.now + 10s);
  h.take();
  h.advance(1s);
  CHECK(h.take() == "close 1; reply 1 con_lost; drained");
}

TEST_CASE("a peer that does not answer exit is not waited for") {
  EngineHarness h;
  h.come_up();
  h.engine.drain(h.now, h.now + 10s);
  CHECK(h.take() == "write 1 exit");
  h.advance(2s);
  CHECK(h.take() == "close 1; drained");
}

TEST_CASE("drain of a peer that is away ends at once") {
  EngineHarness h;
  h.start();
  h.fail(1);
  h.take();
  h.engine.drain(h.now, h.now + 10s);
  CHECK(h.take() == "drained");
  h.advance(24h);
  CHECK(h.take().empty());
}

TEST_CASE("drain while the first attempt runs") {
  EngineHarness h;
  h.start();
  h.up(1);
  h.ask(1, "a");
  h.take();
  h.engine.drain(h.now, h.now + 10s);
  CHECK(h.take() == "reply 1 con_lost; close 1; drained");
}

TEST_CASE("the daemon sends no exit to its own server, and logs self_reply") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.peer_id = settings.own_id;
  EngineHarness h(settings);
  h.start();
  h.up(1);
  for (const char* line : {"4711", "ok", "data1:data1", "4711"}) h.line(1, line);
  h.take();
  h.engine.drain(h.now, h.now + 10s);
  h.advance(0s);
  CHECK(h.take() == "close 1; drained");
  CHECK(h.count_logs("Closing data1: self_reply") == 1);
}

TEST_CASE("new settings apply at once and close no connection") {
  EngineHarness h;
  h.come_up();
  PeerSettings settings = EngineHarness::default_settings();
  settings.request_timeout = 2s;
  settings.min_connections = 2;
  h.engine.apply(h.now, settings);
  CHECK(h.take() == "open 2");
  h.ask(1, "a");
  CHECK(h.take() == "write 1 a");
  h.advance(2s);
  CHECK(h.take().starts_with("close 1; reply 1 con_lost"));
}

TEST_CASE("no part of a late answer is logged as the answer to exit") {
  EngineHarness h;
  h.come_up();
  h.engine.drain(h.now, h.now + 10s);
  h.line(1, "firstname=Ann&password=s3cret");
  CHECK(h.count_logs("Closing msul3: other") == 1);
  for (const std::string& log : h.logs) CHECK(log.find("s3cret") == std::string::npos);
}
