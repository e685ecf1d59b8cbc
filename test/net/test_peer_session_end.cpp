// How a session ends: by an exception, drained, replaced, destroyed, with its loop.
#include "net/session_support.hpp"
#include "support/catch.hpp"

#include <lonc/net/session/peer_session.hpp>

using lonc::core::PeerState;
using lonc::test::connect_local;
using lonc::test::run_ready;
using lonc::test::run_until;
using lonc::test::SessionFixture;
using lonc::test::Wire;
using namespace std::chrono_literals;

TEST_CASE("PeerSession: an exception ends this session alone, once") {
  SessionFixture broken;
  SessionFixture neighbour("msul3");
  // Both on the same loop.
  neighbour.start();
  REQUIRE(neighbour.is_up());
  broken.log.throws_on = "Request Close Connection";
  broken.start();
  REQUIRE(broken.is_up());
  auto waiting = broken.client_with("log\n");
  REQUIRE(broken.has_request("log"));
  auto poison = broken.client_with("close_connection_exit\n");
  REQUIRE(broken.until([&] { return broken.failures != 0; }));
  CHECK(broken.is_failure_told);
  CHECK(broken.until([&] { return waiting.is_ended() && poison.is_ended(); }));
  CHECK(connect_local(broken.config.socket_path).second == ENOENT);
  CHECK(broken.until([&] { return broken.peer().wire.is_ended(); }));
  bool is_stopped = false;
  broken.session->drain(std::chrono::steady_clock::now() + 10s, [&] { is_stopped = true; });
  CHECK(broken.until([&] { return is_stopped; }));
  CHECK(broken.failures == 1);
  CHECK(broken.gate.running() == 0);
  CHECK(broken.until([&] { return broken.clients.served() == 0; }));

  auto client = neighbour.client_with("log\n");
  REQUIRE(neighbour.has_request("log"));
  neighbour.peer().wire.send("fine\n");
  CHECK(neighbour.answers(client, "fine\n"));
  CHECK(neighbour.failures == 0);
}

TEST_CASE("PeerSession: an exception ends one session, its neighbour on the same loop continues") {
  SessionFixture f;
  lonc::test::KeptLog throwing;
  throwing.throws_on = "";
  auto config = f.config;
  config.engine.peer_id = "msul3";
  config.socket_path = f.directory / "msul3";
  int failures = 0;
  lonc::net::PeerSession broken(f.io, config, {throwing, f.resolver, f.gate, f.clients, f.spooler}, 1,
                                [&](std::exception_ptr) { ++failures; });
  broken.start();
  f.start();
  REQUIRE(f.until([&] { return failures == 1; }));
  REQUIRE(f.is_up());
  auto client = f.client_with("log\n");
  REQUIRE(f.until([&] {
    for (const auto& lond : f.connections)
      if (!lond->requests.empty()) return lond->wire.send("fine\n");
    return false;
  }));
  CHECK(f.answers(client, "fine\n"));
  CHECK(connect_local(config.socket_path).second == ENOENT);
}

TEST_CASE("PeerSession drains: requests in flight are answered, later ones get con_lost") {
  SessionFixture f;
  f.start();
  auto client = f.client_with("log\nlater\n");
  REQUIRE(f.has_request("log"));
  auto queued = f.client_with("queued\n");
  auto idle = f.client();
  run_ready(f.io);
  bool is_stopped = false;
  bool is_drained = false;
  f.session->stop_listening([&] { is_stopped = true; });
  REQUIRE(f.until([&] { return is_stopped; }));
  CHECK(connect_local(f.config.socket_path).second == ENOENT);
  CHECK(f.answers(queued, "con_lost\n"));
  f.session->drain(std::chrono::steady_clock::now() + 10s, [&] { is_drained = true; });
  run_ready(f.io);
  CHECK_FALSE(is_drained);
  f.peer().wire.send("done\n");
  REQUIRE(f.has_request("exit"));
  f.peer().wire.send("bye\n");
  f.peer().wire.close();
  REQUIRE(f.until([&] { return is_drained; }));
  CHECK(client.received() == "done\ncon_lost\n");
  CHECK(client.is_ended());
  CHECK(idle.is_ended());
  CHECK(f.until([&] { return f.clients.served() == 0; }));
}

TEST_CASE("PeerSession drains in time even if the peer never answers") {
  SessionFixture f;
  f.config.engine.max_connections = 2;
  f.start();
  auto client = f.client_with("log\n");
  REQUIRE(f.has_request("log"));
  bool is_drained = false;
  f.session->drain(std::chrono::steady_clock::now() + 50ms, [&] { is_drained = true; });
  REQUIRE(f.until([&] { return is_drained; }));
  CHECK(f.answers(client, "con_lost\n"));
}

TEST_CASE("PeerSession: a client that waits in the backlog when listening stops is answered") {
  SessionFixture f;
  f.start();
  REQUIRE(f.is_up());
  auto parked = f.client_with("log\n");
  f.session->stop_listening({});
  CHECK(f.answers(parked, "con_lost\n"));
}

TEST_CASE("PeerSession can be replaced on the same socket without a gap") {
  SessionFixture f;
  f.start();
  REQUIRE(f.is_up());
  auto old = std::move(f.session);
  f.start();
  old.reset();
  REQUIRE(f.is_up());
  auto client = f.client_with("log\n");
  REQUIRE(f.has_request("log"));
}

TEST_CASE("PeerSession releases everything when it is destroyed, and calls no callback") {
  SessionFixture f;
  f.start();
  auto client = f.client_with("log\n");
  REQUIRE(f.has_request("log"));
  bool is_called = false;
  f.session->drain(std::chrono::steady_clock::now() + 1h, [&] { is_called = true; });
  f.session.reset();
  REQUIRE(f.until([&] { return client.is_ended() && f.peer().wire.is_ended(); }));
  CHECK_FALSE(is_called);
  CHECK(f.directory.names().empty());
  CHECK(f.until([&] { return f.clients.served() == 0; }));
  f.io.restart();
  CHECK(f.io.run_for(10s) < 100);
  CHECK(f.io.stopped());  // no work is left
}

TEST_CASE("PeerSession may be destroyed with the loop, whatever is in progress") {
  SessionFixture f;
  f.start();
  auto client = f.client_with("log\n");
  REQUIRE(f.has_request("log"));
  // The loop does not run again: the fixture's loop is destroyed with the coroutines of the session.
  boost::asio::io_context other;
  {
    auto config = f.config;
    config.socket_path = f.directory / "other";
    lonc::net::PeerSession session(other, config, f.services, 1, {});
    session.start();
    auto [fd, error] = connect_local(config.socket_path);
    REQUIRE(error == 0);
    Wire second(std::move(fd));
    second.send("log\n");
    run_ready(other);
  }
}

TEST_CASE("PeerSession may be destroyed with the loop while a handshake arrives in pieces") {
  SessionFixture f;
  boost::asio::io_context other;
  lonc::net::PeerSession session(other, f.config, f.services, 1, {});
  session.start();
  std::optional<Wire> lond;
  std::string line;
  REQUIRE(run_until(other, [&] {
    if (auto fd = f.lond.accept()) lond.emplace(std::move(fd));
    return lond && lond->take_line(line);
  }));
  REQUIRE(lond->send("47"));
  REQUIRE(run_until(other, [&] { return lond->is_delivered(); }));
  run_ready(other);
}
