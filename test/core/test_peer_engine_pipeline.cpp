// Several requests in flight on one connection: which may be, and that each still gets its own reply.
#include "engine_harness.hpp"
#include "support/catch.hpp"

using namespace lonc::core;
using lonc::core::test::EngineHarness;
using namespace std::chrono_literals;

namespace {

PeerSettings pipelined(std::size_t depth = 4, std::size_t connections = 1) {
  PeerSettings settings = EngineHarness::default_settings();
  settings.max_connections = connections;
  settings.pipeline_depth = depth;
  settings.pipeline_safe = *CommandSet::parse("get, keys, dump");
  settings.slow_commands = *CommandSet::parse("dump, auth");
  return settings;
}

}  // namespace

TEST_CASE("a request goes behind others where all connections are busy, and replies come in order") {
  EngineHarness h(pipelined());
  h.come_up();
  h.ask(1, "get:1");
  h.ask(2, "get:2");
  h.ask(3, "keys:3");
  CHECK(h.take() == "write 1 get:1; behind 1 get:2; behind 1 keys:3");
  CHECK(h.engine.status().in_flight == 3);
  h.line(1, "a", 2);
  h.line(1, "b", 1);
  h.line(1, "c");
  CHECK(h.take() == "reply 1 a; reply 2 b; reply 3 c");
  h.ask(4, "get:4");
  CHECK(h.take() == "write 1 get:4");
}

TEST_CASE(
    "the word of a command ends at any byte that is none of a word, for what goes behind and for what is followed") {
  EngineHarness h(pipelined());
  h.come_up();
  h.ask(1, "get 1");
  h.ask(2, "get 2");
  h.ask(3, "dump 3");
  h.ask(4, "get 4");
  CHECK(h.take() == "write 1 get 1; behind 1 get 2; behind 1 dump 3");
}

TEST_CASE("what comes within a millisecond goes together; otherwise an idle connection comes before a busy one") {
  PeerSettings settings = pipelined(4, 2);
  settings.min_connections = 2;
  EngineHarness h(settings);
  h.come_up();
  h.handshake(2);
  h.ask(1, "get:0");
  h.ask(2, "get:0");
  h.advance(2ms);
  h.line(1, "quick");
  h.line(2, "quick");
  h.take();
  h.ask(1, "get:1");
  h.ask(2, "get:2");
  h.advance(1ms);
  h.ask(3, "get:3");
  CHECK(h.take() == "write 1 get:1; behind 1 get:2; behind 1 get:3");
  h.advance(1us);
  h.ask(4, "get:4");
  h.ask(5, "get:5");
  CHECK(h.take() == "write 2 get:4; behind 2 get:5");
  h.advance(2ms);
  h.ask(6, "get:6");
  h.ask(7, "get:7");
  CHECK(h.take() == "behind 2 get:6; behind 1 get:7");
}

TEST_CASE("a burst for a peer that was not quick last time is spread over the connections") {
  PeerSettings settings = pipelined(4, 2);
  settings.min_connections = 2;
  EngineHarness h(settings);
  h.come_up();
  h.handshake(2);
  h.take();
  SECTION("it has not answered yet") {}
  SECTION("it needed more than two milliseconds") {
    h.ask(1, "get:0");
    h.ask(2, "get:0");
    h.advance(2001us);
    h.line(1, "a");
    h.line(2, "a");
    h.take();
  }
  h.ask(1, "get:1");
  h.ask(2, "get:2");
  h.ask(3, "get:3");
  CHECK(h.take() == "write 1 get:1; write 2 get:2; behind 1 get:3");
}

TEST_CASE("no more than 64 requests go together while another connection is idle") {
  PeerSettings settings = pipelined(100, 2);
  settings.min_connections = 2;
  EngineHarness h(settings);
  h.come_up();
  h.handshake(2);
  h.ask(1, "get:0");
  h.line(1, "quick");
  for (std::uint64_t client = 1; client <= 64; ++client) h.ask(client, "get:1");
  h.take();
  h.ask(65, "get:65");
  h.ask(66, "get:66");
  CHECK(h.take() == "write 2 get:65; behind 2 get:66");
}

TEST_CASE("what does not go behind others goes to an idle connection at once") {
  PeerSettings settings = pipelined(4, 3);
  settings.min_connections = 3;
  EngineHarness h(settings);
  h.come_up();
  h.handshake(2);
  h.handshake(3);
  h.take();
  h.ask(1, "get:1");
  h.ask(2, "put:2");
  h.ask(3, "put:3");
  CHECK(h.take() == "write 1 get:1; write 2 put:2; write 3 put:3");
}

TEST_CASE("no more than pipeline-depth on one connection; the next waits, and goes out as soon as there is room") {
  EngineHarness h(pipelined(2));
  h.come_up();
  for (std::uint64_t client = 1; client <= 4; ++client) h.ask(client, "get:" + std::to_string(client));
  CHECK(h.take() == "write 1 get:1; behind 1 get:2");
  CHECK(h.engine.status().queued == 2);
  h.line(1, "a");
  CHECK(h.take() == "reply 1 a; behind 1 get:3");
  h.line(1, "b");
  CHECK(h.take() == "reply 2 b; behind 1 get:4");
}

TEST_CASE("pipeline-depth 1: one at a time") {
  EngineHarness h(pipelined(1));
  h.come_up();
  h.ask(1, "get:1");
  h.ask(2, "get:2");
  CHECK(h.take() == "write 1 get:1");
}

TEST_CASE("only commands on pipeline-safe go behind others, and only in clear") {
  EngineHarness h(pipelined());
  h.come_up();
  h.ask(1, "get:1");
  h.take();
  SECTION("one that writes") { h.ask(2, "put:2"); }
  SECTION("an encrypted one") { h.ask(2, "encrypt:get:2"); }
  SECTION("one that only begins like it") { h.ask(2, "getter:2"); }
  SECTION("an empty line") { h.ask(2, ""); }
  CHECK(h.take().empty());
  CHECK(h.engine.status().queued == 1);
  h.line(1, "a");
  CHECK(h.take().starts_with("reply 1 a; write 1 "));
}

TEST_CASE("who waits is not overtaken") {
  EngineHarness h(pipelined());
  h.come_up();
  h.ask(1, "get:1");
  h.ask(2, "put:2");
  h.ask(3, "get:3");
  CHECK(h.take() == "write 1 get:1");
  h.line(1, "a");
  CHECK(h.take() == "reply 1 a; write 1 put:2");
  h.line(1, "b");
  CHECK(h.take() == "reply 2 b; write 1 get:3");
}

TEST_CASE("nothing goes behind a command that is not known to be quick: another connection is opened for it") {
  PeerSettings settings = pipelined();
  settings.max_connections = 2;
  EngineHarness h(settings);
  h.come_up();
  h.ask(1, "put:1");
  h.ask(2, "get:2");
  CHECK(h.take() == "write 1 put:1; open 2");
}

TEST_CASE("nothing goes behind a slow command, an encrypted slow one, or exit") {
  const std::string head = GENERATE("dump:all", "encrypt:auth:x", "exit");
  EngineHarness h(pipelined());
  h.come_up();
  h.ask(1, head);
  h.take();
  h.ask(2, "get:2");
  CHECK(h.take().empty());
}

TEST_CASE("a slow command that is safe may go behind, and nothing behind it") {
  EngineHarness h(pipelined());
  h.come_up();
  h.ask(1, "get:1");
  h.ask(2, "dump:2");
  h.ask(3, "get:3");
  CHECK(h.take() == "write 1 get:1; behind 1 dump:2");
  h.line(1, "a");
  h.line(1, "b");
  CHECK(h.take() == "reply 1 a; reply 2 b; write 1 get:3");
}

TEST_CASE("nothing goes behind a request that has been in flight for more than a second") {
  EngineHarness h(pipelined());
  h.come_up();
  h.ask(1, "get:1");
  h.advance(1s);
  h.ask(2, "get:2");
  CHECK(h.take() == "write 1 get:1; behind 1 get:2");
  h.advance(1ms);
  h.ask(3, "get:3");
  CHECK(h.take().empty());
  h.line(1, "a");  // now get:2 is the oldest, and it is young
  CHECK(h.take() == "reply 1 a; behind 1 get:3");
}

TEST_CASE("the age of a head counts from when it was written, not from when it was accepted") {
  EngineHarness h(pipelined());
  h.come_up();
  h.ask(1, "put:1");
  h.advance(5s);
  h.ask(2, "get:2");
  h.ask(3, "get:3");
  CHECK(h.take() == "write 1 put:1");
  h.advance(5s);
  h.line(1, "a");
  CHECK(h.take() == "reply 1 a; write 1 get:2; behind 1 get:3");
}

TEST_CASE("a peer that lets requests wait is given a further connection") {
  EngineHarness h(pipelined(4, 2));
  h.come_up();
  h.advance(5s);
  h.ask(1, "get:1");
  h.ask(2, "get:2");
  CHECK(h.take() == "write 1 get:1; behind 1 get:2");
  h.advance(50ms);
  h.ask(3, "get:3");
  CHECK(h.take() == "open 2; behind 1 get:3");
  h.handshake(2);
  h.take();
  h.ask(4, "get:4");
  CHECK(h.take() == "write 2 get:4");
}

TEST_CASE("a connection that breaks or times out costs all that are on it, and is never used again") {
  EngineHarness h(pipelined(8));
  h.come_up();
  h.advance(20s);
  for (std::uint64_t client = 1; client <= 3; ++client) h.ask(client, "get:" + std::to_string(client));
  h.line(1, "a");
  CHECK(h.take() == "write 1 get:1; behind 1 get:2; behind 1 get:3; reply 1 a");
  SECTION("it breaks") {
    h.closed(1);
    CHECK(h.take() == "close 1; reply 2 con_lost; reply 3 con_lost; open 2");
  }
  SECTION("it times out") {
    h.advance(300s);
    CHECK(h.take() == "close 1; reply 2 con_lost; reply 3 con_lost; open 2");
    CHECK(h.engine.status().counters.timeouts == 1);
  }
  SECTION("its reply is too long: an error to the one it answers") {
    h.closed(1, Errc::reply_too_long);
    CHECK(h.take() == "close 1; reply 2 error:reply longer than 16777216 bytes; reply 3 con_lost; open 2");
  }
  h.line(1, "late");
  h.handshake(2);
  CHECK(h.take().find("reply") == std::string::npos);
}

TEST_CASE("more lines than requests: which is whose can not be told, so none is handed out") {
  EngineHarness h(pipelined());
  h.come_up();
  h.ask(1, "get:1");
  h.ask(2, "get:2");
  h.take();
  SECTION("all in one read") {
    h.line(1, "a", 2);
    CHECK(h.take() == "close 1; reply 1 con_lost; reply 2 con_lost");
  }
  SECTION("found with the second") {
    h.line(1, "a");
    h.line(1, "b", 1);
    CHECK(h.take() == "reply 1 a; close 1; reply 2 con_lost");
  }
  CHECK(h.engine.status().last_error == make_error_code(Errc::out_of_turn).message());
}

TEST_CASE("draining: what is in flight on a connection is answered before it is left") {
  EngineHarness h(pipelined());
  h.come_up();
  h.ask(1, "get:1");
  h.ask(2, "get:2");
  h.take();
  h.engine.drain(h.now, h.now + 10s);
  h.line(1, "a");
  CHECK(h.take() == "reply 1 a");
  h.line(1, "b");
  CHECK(h.take() == "reply 2 b; write 1 exit");
}

TEST_CASE("the last connection is found dead while the queue is handed out: nobody is forgotten") {
  EngineHarness h(pipelined());
  h.come_up();
  h.advance(20s);
  h.ask(1, "put:1");
  h.ask(2, "put:2");
  h.take();
  h.noisy = {1};
  h.line(1, "a");
  CHECK(h.take() == "reply 1 a; close 1; open 2");
  h.handshake(2);
  CHECK(h.take().ends_with("write 2 put:2"));
}
