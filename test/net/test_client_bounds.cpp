// What a client may take of memory and time.
#include "net/client_harness.hpp"
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

TEST_CASE("ClientSession: who asks for more memory than there is gets con_lost, and goes on without it") {
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
  CHECK(f.wire->received() == "con_lost\n");  // not only when the line has ended
  say("\nshort\n" + std::string(200'000, 'y') + "\n");
  REQUIRE(run_until(f.io, [&] { return f.wire->received() == "con_lost\nok\nok\n"; }));
  CHECK(f.lines == Strings{"short", std::string(200'000, 'y')});
  CHECK(f.clients.memory() == 0);
}

TEST_CASE("ClientSession: what waits for its answer and what is not read stays counted until it is gone") {
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
  SECTION("an answer for which there is no room ends the client") {
    f.clients.set_memory_limit(1'000'000);
    f.reply(std::string(2'000'000, 'd'));
    REQUIRE(run_until(f.io, [&] { return f.is_gone; }));
  }
  if (f.is_gone) f.session->close();
  CHECK(run_until(f.io, [&] { return f.is_gone || f.clients.memory() == 0; }));
}

TEST_CASE("ClientSession: a line that does not grow ends its client, one that grows slowly does not") {
  Fixture f({100, 10s, 50ms});
  f.answer = "ok";
  SECTION("never whole") {
    REQUIRE(f.wire->send("half a li"));
    REQUIRE(run_until(f.io, [&] { return f.is_gone; }));
    CHECK(f.wire->received() == "con_lost\n");
  }
  SECTION("whole at last, and then silent for long") {
    REQUIRE(f.wire->send("half a li"));
    run_ready(f.io);
    REQUIRE(f.wire->send("ne\n"));
    REQUIRE(run_until(f.io, [&] { return f.wire->received() == "ok\n"; }));
    const auto end = std::chrono::steady_clock::now() + 150ms;
    run_until(f.io, [&] { return std::chrono::steady_clock::now() > end; });
    CHECK_FALSE(f.is_gone);
  }
}
