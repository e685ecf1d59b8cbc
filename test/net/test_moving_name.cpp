// A peer without an address of its own, whose name comes to lead elsewhere; and one with several addresses.
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

TEST_CASE("a peer whose name leads elsewhere is reached there at reload and when it is told to reconnect") {
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

TEST_CASE("a peer whose name leads elsewhere is reached there without anybody asking") {
  NamedPeer f;
  f.config.look_again = 20ms;
  f.start();
  REQUIRE(f.is_up());
  f.name->lead_to({"127.0.0.2"});
  REQUIRE(f.has_moved());
  CHECK(f.is_answered_elsewhere("whoami"));
}

TEST_CASE("what is in flight is answered from where it was sent, though the name leads elsewhere") {
  NamedPeer f;
  f.start();
  REQUIRE(f.is_up());
  Wire client = f.client_with("slow\n");
  REQUIRE(f.has_request("slow"));
  f.name->lead_to({"127.0.0.2"});
  f.session->resume();
  REQUIRE(f.until([&] { return f.log.has("The name has another address now"); }));
  CHECK_FALSE(f.connections[0]->wire.is_ended());
  f.peer().wire.send("here\n");
  CHECK(f.answers(client, "here\n"));
  CHECK(f.has_moved());
}

TEST_CASE("a failed look-up and one more address move nothing") {
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

TEST_CASE("SIGUSR1 in a burst does not ask the name server each time") {
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

TEST_CASE("a silent first address leaves time for the second, which is then tried first") {
  // A listener whose backlog is full takes no connection and refuses none.
  NamedPeer f;
  f.elsewhere.reset();
  const lonc::net::UniqueFd hole(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(second_address);
  address.sin_port = htons(f.lond.port());
  REQUIRE(::bind(hole.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(hole.get(), 0) == 0);
  std::vector<lonc::net::UniqueFd> filling;
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
  // A further connection goes where the first one came about, at once.
  Wire first = f.client_with("one\n");
  REQUIRE(f.until([&] { return f.connections.size() == 1 && f.connections[0]->requests.size() == 1; }));
  Wire second = f.client_with("two\n");
  REQUIRE(f.until([&] { return f.connections.size() == 2 && f.connections[1]->requests.size() == 1; }, 1200ms));
}
