#include "net/session_support.hpp"
#include "support/catch.hpp"

#include <lonc/net/session/peer_session.hpp>

#include <atomic>
#include <thread>

using lonc::core::PeerState;
using lonc::test::connect_local;
using lonc::test::run_ready;
using lonc::test::run_until;
using lonc::test::SessionFixture;
using lonc::test::Wire;
using namespace std::chrono_literals;

TEST_CASE("PeerSession relays a request and its reply") {
  SessionFixture f;
  f.start();
  auto client = f.client_with("ping_me\n");  // waits for the first attempt
  REQUIRE(f.has_request("ping_me"));
  REQUIRE(f.peer().wire.send("pong_you\n"));
  CHECK(f.answers(client, "pong_you\n"));
  const auto report = f.report();
  REQUIRE(report);
  CHECK(report->status.state == PeerState::up);
  CHECK(report->status.counters.replies == 1);
  CHECK(report->address == "127.0.0.1:" + std::to_string(f.lond.port()));
  CHECK(report->clients == 1);
  CHECK(f.gate.running() == 0);
}

TEST_CASE("PeerSession answers every line of a half-closed client, in order") {
  SessionFixture f;
  f.start();
  auto client = f.client_with("one\ntwo\n");
  client.end_writing();
  REQUIRE(f.has_request("one"));
  CHECK(f.peer().requests.size() == 1);
  f.peer().wire.send("1\n");
  REQUIRE(f.has_request("two"));
  f.peer().wire.send("2\n");
  REQUIRE(f.until([&] { return client.is_ended(); }));
  CHECK(client.received() == "1\n2\n");
}

TEST_CASE("PeerSession: a client that left gets nothing, and nobody else gets its answer") {
  SessionFixture f;
  f.start();
  auto gone = f.client_with("dump\n");
  REQUIRE(f.has_request("dump"));
  gone.close();
  auto next = f.client_with("next\n");
  run_ready(f.io);
  f.peer().wire.send("secret\n");
  REQUIRE(f.has_request("next"));
  f.peer().wire.send("for next\n");
  CHECK(f.answers(next, "for next\n"));
}

TEST_CASE("PeerSession: a client that left before its answer releases its slot at once") {
  SessionFixture f;
  f.config.engine.max_connections = 1;
  f.start();
  auto waits = f.client_with("slow\n");
  REQUIRE(f.has_request("slow"));
  auto gone = f.client_with("never sent\nnor this\n");
  auto half_closed = f.client_with("wanted\n");
  half_closed.end_writing();
  REQUIRE(f.until([&] { return f.report()->status.queued == 2; }));
  gone.close();
  waits.close();
  REQUIRE(f.until([&] { return f.clients.served() == 1; }));
  CHECK(f.report()->status.queued == 1);
  f.peer().wire.send("1\n");
  REQUIRE(f.has_request("wanted"));
  f.peer().wire.send("2\n");
  CHECK(f.answers(half_closed, "2\n"));
  CHECK(f.peer().requests == std::vector<std::string>{"slow", "wanted"});
}

TEST_CASE("PeerSession reports clients that were refused for lack of slots, and which setting to raise") {
  SessionFixture f;
  f.clients.set_limit(2);
  f.start();
  REQUIRE(f.is_up());
  auto served = f.client();
  auto refused = f.client_with("x\n");
  CHECK(f.answers(refused, "con_lost\n"));
  CHECK(f.log.has(
      "Half of all 2 places for clients are taken by clients of this peer: further ones are answered con_lost; "
      "raise max-clients"));
}

TEST_CASE("PeerSession: an attempt that waits for a silent peer releases its slot for other peers") {
  SessionFixture f;
  f.config.engine.connect_timeout = 20s;
  f.gate.set_limit(1);
  f.start();
  // There is no lond: the kernel accepts, and then there is silence.
  REQUIRE(run_until(f.io, [&] { return f.gate.running() == 1; }));
  REQUIRE(run_until(f.io, [&] { return f.gate.running() == 0; }));
  CHECK(f.is_up());
}

TEST_CASE("PeerSession: a late line makes the connection unusable") {
  SessionFixture f;
  f.start();
  auto first = f.client_with("first\n");
  REQUIRE(f.has_request("first"));
  f.peer().wire.send("1\n");
  REQUIRE(f.answers(first, "1\n"));
  // Both have arrived in the same turn; whichever is seen first, the line must not reach the client.
  auto client = f.client_with("log\n");
  f.peer().wire.send("late answer of somebody else\n");
  while (!f.peer().wire.is_delivered()) std::this_thread::yield();
  REQUIRE(f.until([&] { return f.connections.size() == 2; }));
  REQUIRE(f.has_request("log"));
  f.peer().wire.send("right\n");
  CHECK(f.answers(client, "right\n"));
  CHECK(f.connections[0]->requests == std::vector<std::string>{"first"});
  CHECK(f.connections[0]->wire.is_ended());
}

TEST_CASE("PeerSession: the peer closes while a request is in flight") {
  SessionFixture f;
  f.start();
  auto client = f.client_with("log\n");
  REQUIRE(f.has_request("log"));
  f.peer().wire.close();
  CHECK(f.answers(client, "con_lost\n"));
}

TEST_CASE("PeerSession: a peer that refuses connections is away") {
  SessionFixture f;
  f.lond.close();
  f.config.engine.backoff_first = 1h;
  f.config.engine.backoff_longest = 1h;
  f.start();
  REQUIRE(f.until_state(PeerState::away));
  CHECK(f.report()->status.last_error.text().find("refused") != std::string::npos);
  auto client = f.client_with("log\n");
  CHECK(f.answers(client, "con_lost\n"));
  CHECK(f.log.has("refused"));
}

TEST_CASE("PeerSession: a handshake that arrives byte by byte does not cause a read for each byte") {
  SessionFixture fixture;
  fixture.start();
  std::optional<Wire> lond;
  std::string line;
  REQUIRE(run_until(fixture.io, [&] {
    if (auto fd = fixture.lond.accept()) lond.emplace(std::move(fd));
    return lond && lond->take_line(line);
  }));
  const auto begin = std::chrono::steady_clock::now();
  REQUIRE(lond->send("47"));
  REQUIRE(run_until(fixture.io, [&] { return lond->is_delivered(); }));
  run_ready(fixture.io);
  SECTION("the rest is read some time later") {
    REQUIRE(lond->send("11\n"));
    REQUIRE(run_until(fixture.io, [&] { return lond->take_line(line); }));
    CHECK(line == "4711");
    CHECK(std::chrono::steady_clock::now() - begin >= 100ms);
  }
  SECTION("the session may end meanwhile") {
    fixture.session.reset();
    CHECK(run_until(fixture.io, [&] { return lond->is_ended(); }));
  }
}

TEST_CASE("PeerSession: with an unknown name the attempt fails") {
  SessionFixture f;
  lonc::net::Resolver nowhere(1, [](const std::string&) {
    return lonc::net::Resolver::Answer{std::make_error_code(std::errc::host_unreachable), {}};
  });
  f.config.address.clear();
  lonc::net::PeerSession session(f.io, f.config, {f.log, nowhere, f.gate, f.clients, f.spooler}, 1,
                                 [](std::exception_ptr) {});
  session.start();
  CHECK(f.until([&] { return f.log.has("name"); }));
}

TEST_CASE("PeerSession tries the next address at once") {
  SessionFixture f;
  lonc::net::Resolver two(1, [](const std::string&) {
    return lonc::net::Resolver::Answer{
        {}, {boost::asio::ip::make_address("127.0.0.2"), boost::asio::ip::make_address("127.0.0.1")}};
  });
  f.config.address.clear();
  {
    lonc::net::PeerSession session(f.io, f.config, {f.log, two, f.gate, f.clients, f.spooler}, 1,
                                   [](std::exception_ptr) {});
    session.start();
    auto client = f.client_with("log\n");
    CHECK(f.has_request("log"));
  }
  run_ready(f.io);
}

TEST_CASE("PeerSession: close_connection_exit closes its sender without an answer and affects no other client") {
  SessionFixture f;
  f.start();
  auto waiting = f.client_with("log\n");
  REQUIRE(f.has_request("log"));
  auto closer = f.client_with("close_connection_exit\n");
  REQUIRE(f.until([&] { return closer.is_ended(); }));
  CHECK(closer.received().empty());
  f.peer().wire.send("ok\n");
  CHECK(f.answers(waiting, "ok\n"));
}

TEST_CASE("PeerSession: a line that is too long is answered with error: and not relayed") {
  SessionFixture f;
  f.config.engine.max_line_length = 100;
  f.start();
  REQUIRE(f.is_up());
  auto client = f.client_with(std::string(10'000, 'x') + "\n");
  REQUIRE(f.until([&] { return client.received().starts_with("error:") && client.received().ends_with("\n"); }));
  CHECK(f.peer().requests.empty());
}

TEST_CASE("PeerSession relays megabytes in both directions") {
  SessionFixture f;
  f.start();
  const std::string big(3'000'000, 'b');
  REQUIRE(f.is_up());
  auto client = f.client();
  std::size_t sent = 0;
  const std::string line = big + "\n";
  REQUIRE(f.until([&] {
    const ssize_t more = ::send(client.fd(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (more > 0) sent += static_cast<std::size_t>(more);
    return sent == line.size();
  }));
  REQUIRE(f.has_request(big));
  sent = 0;
  REQUIRE(f.until([&] {
    const ssize_t more =
        ::send(f.peer().wire.fd(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (more > 0) sent += static_cast<std::size_t>(more);
    return sent == line.size() && client.received().size() == line.size();
  }));
}

TEST_CASE("PeerSession on a loop with two threads") {
  SessionFixture f;
  f.config.engine.max_connections = 3;
  f.start();
  std::atomic<bool> is_over{false};
  auto work = boost::asio::make_work_guard(f.io);
  std::vector<std::thread> loops;
  for (int i = 0; i != 2; ++i) loops.emplace_back([&] { f.io.run(); });
  std::vector<std::unique_ptr<lonc::test::ScriptedLond>> londs;
  std::thread peer([&] {
    while (!is_over) {
      if (auto fd = f.lond.accept()) londs.push_back(std::make_unique<lonc::test::ScriptedLond>(std::move(fd)));
      for (const auto& lond : londs) {
        lond->poll();
        for (const auto& request : std::exchange(lond->requests, {})) lond->wire.send("re:" + request + "\n");
      }
      std::this_thread::yield();
    }
  });
  int right = 0;
  const auto end = std::chrono::steady_clock::now() + 20s;
  for (int i = 0; i != 200 && std::chrono::steady_clock::now() < end; ++i) {
    std::vector<std::pair<Wire, std::string>> clients;
    for (int j = 0; j != 3; ++j) {
      const std::string line = std::to_string(i) + "-" + std::to_string(j);
      clients.emplace_back(f.client_with(line + "\n"), "re:" + line + "\n");
    }
    for (auto& [wire, expected] : clients) {
      while (!wire.received().ends_with("\n") && std::chrono::steady_clock::now() < end) std::this_thread::yield();
      if (wire.received() == expected) ++right;
    }
    if (i % 10 == 0) f.session->report([](const lonc::net::PeerReport&) {});
  }
  CHECK(right == 600);
  is_over = true;
  peer.join();
  f.session.reset();
  work.reset();
  for (auto& loop : loops) loop.join();
}
