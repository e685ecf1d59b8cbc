// Limits of memory and time for clients.
#include "net/client_harness.hpp"
#include "net/session_support.hpp"
#include "support/catch.hpp"

#include <memory>
#include <optional>
#include <string>

using lonc::core::ClientId;
using lonc::net::ClientLimit;
using lonc::net::ClientSession;
using lonc::net::SocketWatch;
using lonc::test::run_ready;
using lonc::test::run_until;
using lonc::test::Strings;
using lonc::test::Wire;
using Fixture = lonc::test::ClientFixture;
using namespace std::chrono_literals;

TEST_CASE("ClientSession: a client that needs more memory than the limit gets con_lost, and is still served") {
  Fixture f({4'000'000, 10s});
  f.answer = "ok";
  f.clients.set_memory_limit(1'000'000);
  const auto say = [&](std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(f.wire->fd(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) text.remove_prefix(static_cast<std::size_t>(sent));
      run_ready(f.io);
    }
  };
  say(std::string(3'000'000, 'x'));
  CHECK(f.wire->received() == "con_lost\n");  // even before the line has ended
  say("\nshort\n" + std::string(200'000, 'y') + "\n");
  REQUIRE(run_until(f.io, [&] { return f.wire->received() == "con_lost\nok\nok\n"; }));
  CHECK(f.lines == Strings{"short", std::string(200'000, 'y')});
  CHECK(f.clients.memory() == 0);
}

TEST_CASE("ClientSession: memory of a waiting request and of an unread answer is counted until it is released") {
  Fixture f({4'000'000, 10s});
  REQUIRE(f.wire->send(std::string(100'000, 'x')));
  run_ready(f.io);
  REQUIRE(f.wire->send("\n"));
  REQUIRE(run_until(f.io, [&] { return f.lines.size() == 1; }));
  CHECK(f.clients.memory() >= 100'000);
  SECTION("until the answer has been read") {
    f.reply(std::string(2'000'000, 'd'));
    run_ready(f.io);
    CHECK(f.clients.memory() >= 1'000'000);
    REQUIRE(run_until(f.io, [&] { return f.wire->received().size() == 2'000'001; }));
  }
  SECTION("an answer for which there is no memory ends the session") {
    f.clients.set_memory_limit(1'000'000);
    f.reply(std::string(2'000'000, 'd'));
    REQUIRE(run_until(f.io, [&] { return f.is_gone; }));
  }
  if (f.is_gone) f.session->close();
  CHECK(run_until(f.io, [&] { return f.is_gone || f.clients.memory() == 0; }));
}

TEST_CASE("ClientSession: a line that stops growing ends the session, one that grows slowly does not") {
  Fixture f({100, 10s, 50ms});
  f.answer = "ok";
  SECTION("never complete") {
    REQUIRE(f.wire->send("half a li"));
    REQUIRE(run_until(f.io, [&] { return f.is_gone; }));
    CHECK(f.wire->received() == "con_lost\n");
  }
  SECTION("complete in the end, then a long silence") {
    REQUIRE(f.wire->send("half a li"));
    run_ready(f.io);
    REQUIRE(f.wire->send("ne\n"));
    REQUIRE(run_until(f.io, [&] { return f.wire->received() == "ok\n"; }));
    const auto end = std::chrono::steady_clock::now() + 150ms;
    run_until(f.io, [&] { return std::chrono::steady_clock::now() > end; });
    CHECK_FALSE(f.is_gone);
  }
}

namespace {

// A peer with a request in flight and a limit for the memory of clients.
struct Asked : lonc::test::SessionFixture {
  explicit Asked(std::size_t memory) {
    clients.set_memory_limit(memory);
    config.engine.pipeline_depth = 8;  // with a fence
    start();
    REQUIRE(is_up());
    client.emplace(client_with("dump:x\n"));
    REQUIRE(until([&] { return peer().requests == Strings{"dump:x", "ping"}; }));
  }
  // Sends as much of it as the other end reads.
  void say(std::string text) {
    until([&] {
      const ssize_t sent = ::send(peer().wire.fd(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) text.erase(0, static_cast<std::size_t>(sent));
      return text.empty() || (sent < 0 && errno != EAGAIN);
    });
  }
  std::optional<Wire> client;
};

}  // namespace

TEST_CASE("PeerSession: memory of a received part of an answer is counted until it is passed on") {
  Asked f(8'000'000);
  SECTION("half of its line") {
    f.say(std::string(2'000'000, 'd'));
    REQUIRE(f.until([&] { return f.clients.memory() >= 2'000'000; }));
    f.say("\nmsul1\n");
    CHECK(f.until([&] { return f.client->received().size() == 2'000'001; }));
  }
  SECTION("its line, without the rest of its batch") {
    f.say(std::string(2'000'000, 'd') + "\n");
    REQUIRE(f.until([&] { return f.clients.memory() >= 2'000'000 && f.clients.memory() < 2'100'000; }));
    f.say("msul1\n");
    CHECK(f.until([&] { return f.client->received().size() == 2'000'001; }));
  }
  SECTION("the connection ends") {
    f.say(std::string(2'000'000, 'd'));
    REQUIRE(f.until([&] { return f.clients.memory() >= 2'000'000; }));
    f.peer().wire.close();
    CHECK(f.answers(*f.client, "con_lost\n"));
  }
  CHECK(f.until([&] { return f.clients.memory() == 0; }));
}

TEST_CASE("PeerSession: an answer for which there is no memory ends its connection, and its client gets con_lost") {
  Asked f(2'000'000);
  SECTION("a line that does not end") { f.say(std::string(1'500'000, 'd')); }
  SECTION("a line that waits for the rest of its batch") {
    f.say(std::string(900'000, 'd') + "\n" + std::string(200'000, 'e'));
  }
  CHECK(f.answers(*f.client, "con_lost\n"));
  CHECK(f.until([&] { return f.clients.memory() == 0; }));
  CHECK(f.log.has("max-client-memory"));
  CHECK(f.is_up());
}
