// Several requests in one write: which are sent together, which wait, and what happens to a batch that breaks.
#include "core/engine/batch_harness.hpp"
#include "support/catch.hpp"

using namespace lonc::core;
using namespace lonc::core::test;
using namespace std::chrono_literals;

TEST_CASE("pipeline-depth 1: one at a time, without a fence") {
  EngineHarness h(batched(1));
  h.come_up();
  h.ask(1, "get:1");
  h.ask(2, "get:2");
  CHECK(h.take() == "write 1 get:1");
  h.line(1, "a");
  CHECK(h.take() == "reply 1 a; write 1 get:2");
}

TEST_CASE("waiting requests are sent together and answered together, in their order") {
  Proven h;
  h.ask(1, "get:1");
  h.ask(2, "get:2");
  h.ask(3, "keys:3");
  h.ask(4, "ls");
  CHECK(h.take() == "write 1 get:1 + ping");
  h.lines(1, {"a", "msul3"});
  CHECK(h.take() == "reply 1 a; write 1 get:2 + keys:3 + ls + ping");
  h.lines(1, {"b", "c"});
  h.line(1, "d");
  CHECK(h.take().empty());
  h.line(1, "msul3");
  CHECK(h.take() == "reply 2 b; reply 3 c; reply 4 d");
}

TEST_CASE("nothing is added to a batch in flight") {
  PeerSettings settings = batched(4, 2);
  Proven h(settings);
  h.ask(1, "get:1");
  h.take();
  h.ask(2, "get:2");
  CHECK(h.take().empty());
  CHECK(h.engine.status().queued == 1);
}

TEST_CASE("a batch has at most pipeline-depth requests") {
  Proven h(batched(2));
  for (std::uint64_t client = 1; client <= 5; ++client) h.ask(client, "get:" + std::to_string(client));
  h.take();
  h.lines(1, {"a", "msul3"});
  CHECK(h.take() == "reply 1 a; write 1 get:2 + get:3 + ping");
  h.lines(1, {"b", "c", "msul3"});
  CHECK(h.take() == "reply 2 b; reply 3 c; write 1 get:4 + get:5 + ping");
}

TEST_CASE("a request that is encrypted or not on pipeline-safe is sent alone, in its turn") {
  const std::string other = GENERATE("put:2", "encrypt:get:2", "getter:2", "", "exit:2");
  PeerSettings settings = batched();
  settings.pipeline_safe = *CommandSet::parse("get, encrypt");
  Proven h(settings);
  h.ask(1, "get:1");
  h.advance(1us);
  h.ask(2, other);
  h.advance(1us);
  h.ask(3, "get:3");
  h.ask(4, "get:4");
  h.take();
  h.lines(1, {"a", "msul3"});
  const std::string second = h.take();
  CHECK(second.starts_with("reply 1 a; write 1 "));
  CHECK(second.find("get:3") == std::string::npos);
  if (other == "exit:2") return;
  h.lines(1, {"b", "msul3"});
  CHECK(h.take() == "reply 2 b; write 1 get:3 + get:4 + ping");
}

TEST_CASE("a batch that breaks or times out costs all its requests, and is reported") {
  Proven h;
  h.advance(20s);
  h.ask(1, "get:1");
  h.ask(2, "get:2");
  h.ask(3, "get:3");
  h.lines(1, {"a", "msul3"});
  h.take();
  h.line(1, "b");
  SECTION("it breaks") {
    h.closed(1);
    CHECK(h.take() == "close 1; reply 2 con_lost; reply 3 con_lost; open 2");
    CHECK(h.count_logs("WARNING: msul3 left a batch unanswered: 1 line for 2 requests and a fence (get), then: ") == 1);
  }
  SECTION("it times out") {
    h.advance(300s);
    CHECK(h.take() == "close 1; reply 2 con_lost; reply 3 con_lost; open 2");
    CHECK(h.engine.status().counters.timeouts == 2);
  }
  SECTION("a reply is too long: it is unknown whose reply it is") {
    h.closed(1, Errc::reply_too_long);
    CHECK(h.take() == "close 1; reply 2 con_lost; reply 3 con_lost; open 2");
  }
  SECTION("the replies are too long together") {
    PeerSettings settings = batched();
    settings.max_line_length = 100;
    h.engine.apply(h.now, settings);
    h.line(1, std::string(1200, 'c'));
    CHECK(h.take() == "close 1; reply 2 con_lost; reply 3 con_lost; open 2");
  }
}

TEST_CASE("a request that waits for the end of a batch does not keep the loop busy when the peer is lost") {
  Proven peer;
  peer.ask(1, "get:a");
  peer.ask(2, "get:b");
  peer.closed(1);
  CHECK(peer.take() == "write 1 get:a + ping; close 1; reply 1 con_lost; open 2");
  peer.now += 3ms;
  peer.engine.deadline(peer.now);
  CHECK(peer.armed > peer.now);
}

TEST_CASE("a request waits for the end of a batch in flight at a quick peer, but not for long") {
  PeerSettings settings = batched(4, 2);
  settings.min_connections = 2;
  Proven h(settings);
  h.handshake(2);
  h.take();
  h.ask(1, "get:1");
  h.ask(2, "get:2");
  CHECK(h.take() == "write 1 get:1 + ping");
  h.advance(1999us);
  CHECK(h.take().empty());
  h.advance(1us);
  CHECK(h.take() == "write 2 get:2 + ping");
}

// Without a colon it is not named in logs; it is classified by its first word nevertheless.
TEST_CASE("a request in flight at a quick peer is classified by its first word, not by the word that a log may show") {
  PeerSettings settings = batched(4, 2);
  settings.min_connections = 2;
  Proven h(settings);
  h.handshake(2);
  h.take();
  h.ask(1, "get k");
  h.ask(2, "get:2");
  CHECK(h.take() == "write 1 get k + ping");
}

TEST_CASE("no request waits for a batch of slow commands, or at a slow peer") {
  PeerSettings settings = batched(4, 2);
  settings.min_connections = 2;
  SECTION("something else in flight") {
    Proven h(settings);
    h.handshake(2);
    h.take();
    h.ask(1, "dump:1");
    h.ask(2, "get:2");
    CHECK(h.take() == "write 1 dump:1 + ping; write 2 get:2 + ping");
  }
  SECTION("a slow peer") {
    EngineHarness h(settings);
    h.come_up();
    h.handshake(2);
    h.ask(1, "get:1");
    h.advance(3ms);
    h.lines(1, {"a", "msul3"});
    h.take();
    h.ask(1, "get:1");
    h.ask(2, "get:2");
    CHECK(h.take() == "write 1 get:1 + ping; write 2 get:2 + ping");
  }
}

TEST_CASE("draining: requests in flight on a connection are answered before it is closed") {
  Proven h;
  for (std::uint64_t client = 1; client <= 3; ++client) h.ask(client, "get:1");
  h.lines(1, {"a", "msul3"});
  h.take();
  h.engine.drain(h.now, h.now + 10s);
  h.lines(1, {"b", "c", "msul3"});
  CHECK(h.take() == "reply 2 b; reply 3 c; write 1 exit");
}

TEST_CASE("the last connection is found dead while the queue is processed: no request is forgotten") {
  EngineHarness h(batched());
  h.come_up();
  h.advance(20s);
  h.ask(1, "put:1");
  h.ask(2, "put:2");
  h.take();
  h.noisy = {1};
  h.lines(1, {"a", "msul3"});
  CHECK(h.take() == "reply 1 a; close 1; open 2");
  h.handshake(2);
  CHECK(h.take().ends_with("write 2 put:2 + ping"));
}

TEST_CASE("the requests of a batch whose connection turns out to be dead are sent on another") {
  Proven h;
  for (std::uint64_t client = 1; client <= 3; ++client) h.ask(client, "get:" + std::to_string(client));
  h.take();
  h.noisy = {1};
  h.lines(1, {"a", "msul3"});
  CHECK(h.take() == "reply 1 a; close 1; open 2");
  h.handshake(2);
  CHECK(h.take().ends_with("write 2 get:2 + get:3 + ping"));
}
