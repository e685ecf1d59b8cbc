// The peer's name has another address.
#include "engine_harness.hpp"
#include "support/catch.hpp"

using namespace lonc::core;
using lonc::core::test::EngineHarness;
using namespace std::chrono_literals;

namespace {

void address_changed(EngineHarness& h, const std::vector<std::uint64_t>& outdated) {
  std::vector<ConnectionId> ids;
  for (const std::uint64_t id : outdated) ids.push_back(ConnectionId{id});
  h.engine.address_changed(h.now, ids);
}

}  // namespace

TEST_CASE("an idle connection to the old address is closed at once, and requests wait for the new one") {
  EngineHarness h;
  h.come_up();
  h.advance(1h);
  address_changed(h, {1});
  CHECK(h.take() == "close 1; open 2");
  CHECK(h.logs == std::vector<std::string>{"The name has another address now: 1 connections to the old one are "
                                           "closed, and 0 when what is in flight there has ended"});
  h.ask(1, "a");
  CHECK(h.take().empty());
  h.handshake(2, true);
  CHECK(h.take().ends_with("write 2 a"));
  h.line(2, "A");
  CHECK(h.take() == "reply 1 A");
  CHECK(h.engine.status().counters.con_lost == 0);
}

TEST_CASE("what is in flight at the old address is answered, and nothing more goes there") {
  EngineHarness h;
  h.come_up();
  h.advance(1h);
  h.ask(1, "a");
  CHECK(h.take() == "write 1 a");
  address_changed(h, {1});
  CHECK(h.take().empty());
  h.ask(2, "b");
  CHECK(h.take() == "open 2");
  h.line(1, "A");
  CHECK(h.take() == "reply 1 A; close 1");
  h.handshake(2, true);
  CHECK(h.take().ends_with("write 2 b"));
  h.line(2, "B");
  CHECK(h.take() == "reply 2 B");
  CHECK(h.engine.status().counters.con_lost == 0);
}

TEST_CASE("a request that waits for the only connection is not lost when that leads to the old address") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.max_connections = 1;
  EngineHarness h(settings);
  h.come_up();
  h.advance(1h);
  h.ask(1, "a");
  h.ask(2, "b");
  h.take();
  address_changed(h, {1});
  h.advance(10s);
  h.line(1, "A");
  CHECK(h.take() == "reply 1 A; close 1; open 2");
  h.handshake(2, true);
  CHECK(h.take().ends_with("write 2 b"));
}

TEST_CASE("connections to an address that is still there are kept, and unknown ones are no matter") {
  EngineHarness h;
  h.come_up();
  address_changed(h, {});
  address_changed(h, {7});
  CHECK(h.take().empty());
  CHECK(h.logs.empty());
  h.ask(1, "a");
  h.take();
  address_changed(h, {1});
  address_changed(h, {1});
  CHECK(h.logs.size() == 1);
}

TEST_CASE("a peer out of service opens nothing because its address is another") {
  EngineHarness h;
  h.come_up();
  h.ask(1, "a");
  h.engine.pause(h.now, h.now + 10s);
  h.take();
  address_changed(h, {1});
  CHECK(h.take().empty());
  h.line(1, "A");
  CHECK(h.take() == "reply 1 A; write 1 exit");
}

TEST_CASE("what lond calls itself is asked anew at the new address") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.pipeline_depth = 8;
  EngineHarness h(settings);
  h.start();
  h.up(1);
  for (const char* line : {"4711", "ok", "old1:data1", "81234A0ABCDEF9870BCD0045678"}) h.line(1, line);
  h.ask(1, "a");
  h.take();
  h.lines(1, {"A", "old1"});
  CHECK(h.take() == "reply 1 A");
  address_changed(h, {1});
  h.up(2);
  for (const char* line : {"4711", "ok", "new1:data1", "81234A0ABCDEF9870BCD0045678"}) h.line(2, line);
  h.ask(2, "b");
  h.take();
  h.lines(2, {"B", "new1"});
  CHECK(h.take() == "reply 2 B");
}
