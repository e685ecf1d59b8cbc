// The address of the peer has changed: its name was looked up again, or a reload changed it.
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

void move(EngineHarness& h, PeerSettings settings = EngineHarness::default_settings()) {
  h.engine.apply(h.now, std::move(settings), PeerEngine::Place::another);
}

}  // namespace

TEST_CASE("an idle connection to the old address is closed at once, and requests wait for the new one") {
  EngineHarness h;
  h.come_up();
  h.advance(1h);
  address_changed(h, {1});
  CHECK(h.take() == "close 1; open 2");
  CHECK(h.logs == std::vector<std::string>{"The name now has another address: 1 connection to the old address closed, "
                                           "and 0 when the requests in flight there have finished"});
  h.ask(1, "a");
  CHECK(h.take().empty());
  h.handshake(2, true);
  CHECK(h.take().ends_with("write 2 a"));
  h.line(2, "A");
  CHECK(h.take() == "reply 1 A");
  CHECK(h.engine.status().counters.con_lost == 0);
}

TEST_CASE("requests in flight at the old address are answered, and no more are sent there") {
  EngineHarness h;
  h.come_up();
  h.advance(1h);
  h.ask(1, "a");
  CHECK(h.take() == "write 1 a");
  address_changed(h, {1});
  CHECK(h.take() == "open 2");
  h.ask(2, "b");
  CHECK(h.take().empty());
  h.line(1, "A");
  CHECK(h.take() == "reply 1 A; close 1");
  h.handshake(2, true);
  CHECK(h.take().ends_with("write 2 b"));
  h.line(2, "B");
  CHECK(h.take() == "reply 2 B");
  CHECK(h.engine.status().counters.con_lost == 0);
}

TEST_CASE("a request that waits for the only connection is not lost when the address of that connection is outdated") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.max_connections = 1;
  EngineHarness h(settings);
  h.come_up();
  h.advance(1h);
  h.ask(1, "a");
  h.ask(2, "b");
  h.take();
  address_changed(h, {1});
  CHECK(h.take() == "open 2");
  h.handshake(2, true);
  CHECK(h.take().ends_with("write 2 b"));
  h.line(1, "A");
  CHECK(h.take() == "reply 1 A; close 1");
}

TEST_CASE("connections to an address that is still valid are kept, and unknown connections are ignored") {
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

TEST_CASE("a peer out of service opens nothing when its address changes") {
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

TEST_CASE("lond is asked for its id again at the new address") {
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

TEST_CASE("a peer that has moved is tried at its new address at once; an idle connection to the old one is closed") {
  EngineHarness h;
  h.come_up();
  move(h);
  CHECK(h.take() == "close 1; open 2");
  CHECK(h.engine.state() == PeerState::starting);
  CHECK(h.logs == std::vector<std::string>{"The peer has moved: 1 connection to the old address closed, and 0 when the "
                                           "requests in flight there have finished"});
  h.ask(1, "a");
  CHECK(h.take().empty());
  h.handshake(2, true);
  CHECK(h.take().ends_with("write 2 a"));
  h.line(2, "A");
  CHECK(h.take() == "reply 1 A");
  CHECK(h.engine.status().counters.con_lost == 0);
}

TEST_CASE("after a move requests in flight are answered by the old address, and waiting ones by the new one") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.max_connections = 1;
  EngineHarness h(settings);
  h.come_up();
  h.ask(1, "a");
  h.ask(2, "b");
  CHECK(h.take() == "write 1 a");
  move(h, settings);
  CHECK(h.take() == "open 2");
  h.handshake(2, true);
  CHECK(h.take().ends_with("write 2 b"));
  h.line(1, "A");
  CHECK(h.take() == "reply 1 A; close 1");
  h.line(2, "B");
  CHECK(h.take() == "reply 2 B");
  CHECK(h.engine.state() == PeerState::up);
  CHECK(h.engine.status().counters.con_lost == 0);
}

TEST_CASE("after a move neither a loss nor a slow answer at the old address changes the state of the peer") {
  EngineHarness h;
  h.come_up();
  h.ask(1, "a");
  h.ask(2, "b");
  h.handshake(2);
  h.take();
  move(h);
  CHECK(h.take() == "open 3");
  SECTION("the new address is reached") {
    h.handshake(3, true);
    h.take();
    h.closed(1);
    CHECK(h.take() == "close 1; reply 1 con_lost");
    CHECK(h.engine.state() == PeerState::up);
    CHECK_FALSE(h.engine.status().last_error);
  }
  SECTION("the new address is not reached") {
    h.fail(3);
    CHECK(h.take() == "close 3");
    CHECK(h.engine.state() == PeerState::away);
    h.ask(3, "c");
    CHECK(h.take() == "reply 3 con_lost");
    h.line(1, "A");
    CHECK(h.take() == "reply 1 A; close 1");
    CHECK(h.engine.state() == PeerState::away);
    CHECK(h.engine.status().failed_in_a_row == 1);
  }
}

TEST_CASE("a move ends the attempts to reach the old address without counting them as failed; requests keep waiting") {
  EngineHarness h;
  h.start();
  h.ask(1, "a");
  h.advance(4s);
  h.take();
  move(h);
  CHECK(h.take() == "close 1; open 2");
  h.advance(4s);
  CHECK(h.take().empty());
  h.handshake(2, true);
  CHECK(h.take().ends_with("write 2 a"));
  CHECK(h.engine.status().counters.failed_attempts == 0);
  CHECK_FALSE(h.engine.status().last_error);
}

TEST_CASE("a peer that is away, or was given up, is tried at once at its new address, and requests wait for it") {
  PeerSettings settings = EngineHarness::default_settings();
  SECTION("away") {}
  SECTION("given up") { settings.max_attempts = 1; }
  EngineHarness h(settings);
  h.start();
  h.fail(1);
  h.take();
  move(h, settings);
  CHECK(h.take() == "open 2");
  CHECK(h.attempt_classes.back() == AttemptClass::favoured);
  CHECK(h.engine.status().failed_in_a_row == 0);
  h.ask(1, "a");
  CHECK(h.take().empty());
  h.handshake(2, true);
  CHECK(h.take().ends_with("write 2 a"));
}

TEST_CASE("a peer out of service that has moved is put back into service at its new address") {
  EngineHarness h;
  h.come_up();
  h.ask(1, "a");
  h.engine.pause(h.now, h.now + 10s);
  h.take();
  move(h);
  CHECK(h.take() == "open 2");
  h.line(1, "A");
  CHECK(h.take() == "reply 1 A; close 1");
}

TEST_CASE("a peer that is being drained does not move") {
  EngineHarness h;
  h.come_up();
  h.ask(1, "a");
  h.engine.drain(h.now, h.now + 10s);
  h.take();
  move(h);
  CHECK(h.take().empty());
  h.line(1, "A");
  CHECK(h.take() == "reply 1 A; write 1 exit");
}

TEST_CASE("a delayed message that is in flight while the peer moves is sent once") {
  EngineHarness h;
  h.has_spool = true;
  h.come_up();
  h.hand_out({"put:1", "put:2"}, 2);
  CHECK(h.take().ends_with("write 1 put:1"));
  move(h);
  CHECK(h.take() == "open 2");
  h.handshake(2, true);
  CHECK(h.take().find("put") == std::string::npos);
  h.line(1, "ok");
  const std::string after = h.take();
  CHECK(after.starts_with("log "));
  CHECK(after.find("put:1") != std::string::npos);
  CHECK(after.find("close 1") != std::string::npos);
  h.engine.delayed_batch(h.now, {.waiting = 1});
  CHECK(h.take().ends_with("write 2 put:2"));
}

TEST_CASE("the behaviour of a peer at its old address is not expected at the new one") {
  PeerSettings settings = EngineHarness::default_settings();
  settings.pipeline_depth = 8;
  EngineHarness h(settings);
  h.come_up();
  for (int i = 0; i != 4; ++i) {
    h.ask(1, "a");
    h.lines(1, {"A", "msul3"});
  }
  h.take();
  move(h, settings);
  h.up(2);
  h.line(2, "4711");
  h.line(2, "ok");
  CHECK(h.take().ends_with("write 2 pong"));
  h.line(2, "new1:data1");
  h.line(2, "81234A0ABCDEF9870BCD0045678");
  h.take();
  h.ask(1, "a");
  h.lines(2, {"A", "new1"});
  CHECK(h.take().ends_with("reply 1 A"));
}
