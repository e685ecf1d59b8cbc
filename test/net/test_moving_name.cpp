// A peer that moves: its name resolves to another address, or a reload changes it; and one with several addresses.
#include "net/session_support.hpp"
#include "support/catch.hpp"

using lonc::core::PeerState;
using lonc::test::SessionFixture;
using lonc::test::TcpListener;
using lonc::test::Wire;
using namespace std::chrono_literals;

namespace {

constexpr in_addr_t second_address = INADDR_LOOPBACK + 1;  // 127.0.0.2

struct NamedPeer : SessionFixture {
  NamedPeer() {
    config.address.clear();
    config.look_again = 1h;
    name->lead_to({"127.0.0.1"});
    elsewhere.emplace(second_address, lond.port());
  }
  bool has_moved() {
    return until([&] { return moved.size() == 1 && connections.size() == 1 && connections[0]->wire.is_ended(); });
  }
  bool is_answered_elsewhere(const std::string& line) {
    Wire client = client_with(line + "\n");
    if (!until([&] { return !moved.empty() && !moved.back()->requests.empty(); })) return false;
    const bool is_right = moved.back()->requests.back() == line && moved.back()->wire.send("there\n");
    return is_right && answers(client, "there\n");
  }
};

}  // namespace

TEST_CASE("a peer whose name resolves to another address is reached there after a reload or a reconnect") {
  NamedPeer f;
  f.start();
  REQUIRE(f.is_up());
  f.name->lead_to({"127.0.0.2"});
  SECTION("reload") { f.session->apply(f.config); }
  SECTION("reconnect, of one") { f.session->resume(); }
  SECTION("reconnect, of all") { f.session->reconnect(); }
  REQUIRE(f.has_moved());
  CHECK(f.is_answered_elsewhere("whoami"));
  CHECK(f.report()->address == "127.0.0.2:" + std::to_string(f.lond.port()));
  CHECK(f.report()->status.counters.con_lost == 0);
}

TEST_CASE("a peer whose name resolves to another address is reached there after the periodic lookup") {
  NamedPeer f;
  f.config.look_again = 20ms;
  f.start();
  REQUIRE(f.is_up());
  f.name->lead_to({"127.0.0.2"});
  REQUIRE(f.has_moved());
  CHECK(f.is_answered_elsewhere("whoami"));
}

TEST_CASE("a request in flight is answered from the old address after the name has changed") {
  NamedPeer f;
  f.start();
  REQUIRE(f.is_up());
  Wire client = f.client_with("slow\n");
  REQUIRE(f.has_request("slow"));
  f.name->lead_to({"127.0.0.2"});
  f.session->resume();
  REQUIRE(f.until([&] { return f.log.has("The name now has another address"); }));
  CHECK_FALSE(f.connections[0]->wire.is_ended());
  f.peer().wire.send("here\n");
  CHECK(f.answers(client, "here\n"));
  CHECK(f.has_moved());
}

TEST_CASE("a failed lookup or an additional address does not move the peer") {
  NamedPeer f;
  f.start();
  REQUIRE(f.is_up());
  for (const std::vector<std::string>& addresses :
       {std::vector<std::string>{}, std::vector<std::string>{"127.0.0.2", "127.0.0.1"}}) {
    f.name->lead_to(addresses);
    const int before = f.name->asked();
    f.session->resume();
    REQUIRE(f.until([&] { return f.name->asked() > before; }));
    REQUIRE(f.report());
    CHECK_FALSE(f.connections[0]->wire.is_ended());
    CHECK(f.moved.empty());
  }
}

TEST_CASE("a burst of SIGUSR1 does not ask the name server each time") {
  NamedPeer f;
  f.start();
  REQUIRE(f.is_up());
  const int before = f.name->asked();
  for (int i = 0; i != 5; ++i) f.session->reconnect();
  REQUIRE(f.report());
  REQUIRE(f.until([&] { return f.name->asked() > before; }));
  REQUIRE(f.report());
  CHECK(f.name->asked() == before + 1);
}

TEST_CASE("a silent first address leaves time for the second, which is tried first from then on") {
  // A listener whose backlog is full neither accepts nor refuses a connection.
  NamedPeer f;
  f.elsewhere.reset();
  const lonc::os::UniqueFd hole(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(second_address);
  address.sin_port = htons(f.lond.port());
  REQUIRE(::bind(hole.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(hole.get(), 0) == 0);
  std::vector<lonc::os::UniqueFd> filling;
  for (int i = 0; i != 3; ++i) {
    filling.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    ::connect(filling.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }

  f.name->lead_to({"127.0.0.2", "127.0.0.1"});
  f.config.engine.connect_timeout = 3s;
  f.config.engine.max_connections = 2;
  f.start();
  REQUIRE(f.is_up());
  CHECK(f.report()->status.counters.failed_attempts == 0);
  // A further connection goes to the address of the first one, at once.
  Wire first = f.client_with("one\n");
  REQUIRE(f.until([&] { return f.connections.size() == 1 && f.connections[0]->requests.size() == 1; }));
  Wire second = f.client_with("two\n");
  REQUIRE(f.until([&] { return f.connections.size() == 2 && f.connections[1]->requests.size() == 1; }, 1200ms));
}

namespace {

// A peer with a numeric address, which a reload moves to 127.0.0.2.
struct MovingPeer : SessionFixture {
  MovingPeer() { elsewhere.emplace(second_address, lond.port()); }
  void move() {
    config.address = "127.0.0.2";
    session->apply(config);
  }
  bool has_moved_request(const std::string& line) {
    return until([&] { return !moved.empty() && !moved[0]->requests.empty() && moved[0]->requests.back() == line; });
  }
};

}  // namespace

TEST_CASE("the clients of a peer that has moved keep their connections and are answered from its new address") {
  MovingPeer f;
  f.start();
  REQUIRE(f.is_up());
  Wire silent = f.client();
  Wire kept = f.client_with("kept\n");
  REQUIRE(f.has_request("kept"));
  f.peer().wire.send("old\n");
  REQUIRE(f.answers(kept, "old\n"));
  Wire in_flight = f.client_with("slow\n");
  REQUIRE(f.has_request("slow"));
  Wire waiting = f.client_with("first\nsecond\n");
  REQUIRE(f.until([&] { return f.report()->status.queued == 1; }));

  f.move();
  REQUIRE(f.has_moved_request("first"));
  CHECK(f.report()->address == "127.0.0.2:" + std::to_string(f.lond.port()));
  f.peer().wire.send("here\n");
  CHECK(f.answers(in_flight, "here\n"));
  CHECK(f.until([&] { return f.connections[0]->wire.is_ended(); }));
  f.moved[0]->wire.send("there 1\n");
  REQUIRE(f.has_moved_request("second"));
  f.moved[0]->wire.send("there 2\n");
  CHECK(f.answers(waiting, "there 1\nthere 2\n"));
  for (Wire* const client : {&silent, &kept, &in_flight}) {
    const std::string before = client->received();
    client->send("again\n");
    REQUIRE(f.has_moved_request("again"));
    f.moved[0]->requests.clear();
    f.moved[0]->wire.send("there\n");
    CHECK(f.answers(*client, before + "there\n"));
  }
  CHECK(f.connections[0]->requests.back() == "slow");
  CHECK(f.report()->status.counters.con_lost == 0);
}

TEST_CASE("a request in flight at the old address gets con_lost if the peer closes, and its client stays connected") {
  MovingPeer f;
  f.start();
  REQUIRE(f.is_up());
  Wire client = f.client_with("slow\n");
  REQUIRE(f.has_request("slow"));
  f.move();
  REQUIRE(f.until([&] { return f.moved.size() == 1; }));
  REQUIRE(f.is_up());
  f.connections[0]->wire.close();
  REQUIRE(f.answers(client, "con_lost\n"));
  client.send("again\n");
  CHECK(f.has_moved_request("again"));
}

TEST_CASE("a peer moves from a numeric address to a name and back; a change of an unused name does not move it") {
  MovingPeer f;
  f.name->lead_to({"127.0.0.2"});
  f.start();
  REQUIRE(f.is_up());
  f.config.name = "other.example";
  f.session->apply(f.config);
  REQUIRE(f.report());
  CHECK_FALSE(f.connections[0]->wire.is_ended());
  f.config.address.clear();
  f.session->apply(f.config);
  REQUIRE(f.until([&] { return f.moved.size() == 1 && f.connections[0]->wire.is_ended(); }));
  REQUIRE(f.is_up());
  f.config.address = "127.0.0.1";
  f.session->apply(f.config);
  REQUIRE(f.until([&] { return f.connections.size() == 2 && f.moved[0]->wire.is_ended(); }));
  REQUIRE(f.is_up());
}
