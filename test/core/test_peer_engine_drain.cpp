// Coming to an end, and new settings.
#include "engine_harness.hpp"
#include "support/catch.hpp"

using namespace lonc::core;
using lonc::core::test::EngineHarness;
using namespace std::chrono_literals;

TEST_CASE("drain: what is in flight is finished, what waits is con_lost, exit is said, nothing new is taken") {
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

TEST_CASE("drain ends at its time, whatever is still in flight") {
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

TEST_CASE("a second signal: drain that ends now") {
  EngineHarness h;
  h.come_up();
  h.ask(1, "a");
  h.engine.drain(h.now, h.now + 10s);
  h.take();
  h.engine.drain(h.now, h.now);
  CHECK(h.take() == "close 1; reply 1 con_lost; drained");
}

TEST_CASE("a later end does not make a drain longer") {
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

TEST_CASE("the daemon asks its own server nothing: exit gives self_reply") {
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

TEST_CASE("new settings are in force at once and cost no connection") {
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

TEST_CASE("nothing of a late answer is logged in place of the answer to exit") {
  EngineHarness h;
  h.come_up();
  h.engine.drain(h.now, h.now + 10s);
  h.line(1, "firstname=Ann&password=s3cret");
  CHECK(h.count_logs("Closing msul3: other") == 1);
  for (const std::string& log : h.logs) CHECK(log.find("s3cret") == std::string::npos);
}
