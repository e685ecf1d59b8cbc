// Idle clients are closed in favour of others when slots run short.
#include "net/client_harness.hpp"
#include "net/session_support.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using lonc::core::Duration;
using lonc::net::ClientLimit;
using lonc::test::run_ready;
using lonc::test::run_until;
using lonc::test::Strings;
using lonc::test::Wire;
using namespace std::chrono_literals;

namespace {

// Peers that only record what they are asked to close.
struct Limited {
  struct Peer {
    explicit Peer(const ClientLimit& limit) : share(limit) {
      share.on_shortage([this](Duration idle_for) { asked.push_back(idle_for); });
    }
    ~Peer() { share.on_shortage({}); }
    void admit(int clients) {
      for (; clients != 0; --clients) slots.push_back(share.admit());
    }
    ClientLimit::Share share;
    std::vector<ClientLimit::Slot> slots;
    std::vector<Duration> asked;
  };

  ClientLimit limit{64};  // the reserve is a sixteenth: 4 of all, and 2 of the 32 for one peer
  Peer one{limit};
  Peer other{limit};
  Peer without_clients{limit};
};

using Asked = std::vector<Duration>;

}  // namespace

TEST_CASE("ClientLimit: a peer with few slots left is asked to close idle clients, others are not") {
  Limited f;
  f.other.admit(1);
  f.one.admit(29);
  CHECK(f.one.asked.empty());
  f.one.admit(1);
  CHECK(f.one.asked == Asked{10min});
  CHECK(f.one.share.is_short());
  CHECK(f.other.asked.empty());
  CHECK_FALSE(f.other.share.is_short());
}

TEST_CASE("ClientLimit: if few slots are left in total, all peers with clients are asked") {
  Limited f;
  f.one.admit(29);
  f.other.admit(29);
  CHECK((f.one.asked.empty() && f.other.asked.empty()));
  Limited::Peer third(f.limit);
  third.admit(2);
  CHECK(f.one.asked == Asked{10min});
  CHECK(f.other.asked == Asked{10min});
  CHECK(f.without_clients.asked.empty());
}

TEST_CASE("ClientLimit: clients are closed until twice the reserve is free") {
  Limited f;
  f.one.admit(30);
  const auto close_one = [&] { f.one.slots.pop_back(); };
  close_one();
  CHECK(f.one.share.is_short());
  close_one();
  CHECK_FALSE(f.one.share.is_short());
}

TEST_CASE("ClientLimit: if the shortage continues, clients that have been idle for a shorter time are closed, too") {
  Limited f;
  f.one.admit(31);
  const auto ask_until = [&](std::size_t times) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (f.one.asked.size() < times && std::chrono::steady_clock::now() < end) {
      f.one.slots.pop_back();
      f.one.admit(1);
    }
  };
  for (int i = 0; i != 3; ++i) ask_until(1);
  CHECK(f.one.asked == Asked{10min});  // not for each new client
  ask_until(4);
  CHECK(f.one.asked == Asked{10min, 1min, 10s, 10s});
}

TEST_CASE("ClientLimit: a refused client also causes a request to close idle ones") {
  Limited f;
  f.one.admit(32);
  f.one.asked.clear();
  const auto end = std::chrono::steady_clock::now() + 10s;
  bool is_refused = true;
  while (f.one.asked.empty() && std::chrono::steady_clock::now() < end)
    is_refused = is_refused && f.one.share.admit().is_refused();
  CHECK(is_refused);
  CHECK(f.one.asked == Asked{1min});
}

TEST_CASE("ClientSession: a client is idle between two lines") {
  lonc::test::ClientFixture f;
  const auto is_idle = [&] { return f.session->idle_since() != lonc::core::never; };
  const auto close_if_idle = [&] {
    bool is_closed = false;
    boost::asio::post(f.strand, [&] { is_closed = f.session->close_if_idle(); });
    run_ready(f.io);
    return is_closed;
  };
  run_ready(f.io);
  SECTION("before its first line") {
    CHECK(is_idle());
    CHECK(close_if_idle());
    CHECK(f.wire->is_ended());
    CHECK_FALSE(f.is_gone);
  }
  SECTION("from its answer on") {
    const auto before = f.session->idle_since();
    f.time += 1min;
    REQUIRE(f.wire->send("a\n"));
    run_ready(f.io);
    CHECK_FALSE(is_idle());
    CHECK_FALSE(close_if_idle());
    f.reply("A");
    run_ready(f.io);
    CHECK(is_idle());
    CHECK(f.session->idle_since() == before + 1min);
    CHECK(close_if_idle());
    CHECK(f.wire->received() == "A\n");
  }
  SECTION("not in the middle of a line") {
    REQUIRE(f.wire->send("half a li"));
    run_ready(f.io);
    CHECK_FALSE(is_idle());
    CHECK_FALSE(close_if_idle());
    REQUIRE(f.wire->send("ne\n"));
    CHECK(run_until(f.io, [&] { return f.lines == Strings{"half a line"}; }));
  }
  SECTION("not before its whole answer has been sent") {
    REQUIRE(f.wire->send("dump\n"));
    run_ready(f.io);
    f.reply(std::string(2'000'000, 'd'));
    run_ready(f.io);
    CHECK_FALSE(is_idle());
    CHECK_FALSE(close_if_idle());
    CHECK(run_until(f.io, [&] { return f.wire->received().size() == 2'000'001; }));
  }
  SECTION("not if it has written something that has not been read yet") {
    bool is_closed = true;
    boost::asio::post(f.strand, [&] {
      f.wire->send("a\n");
      is_closed = f.session->close_if_idle();
    });
    run_ready(f.io);
    CHECK_FALSE(is_closed);
    CHECK(f.lines == Strings{"a"});
  }
}

namespace {

struct Crowded : lonc::test::SessionFixture {
  explicit Crowded(Duration idle_for) : few{16, 256, {idle_for, idle_for, idle_for}} {
    few.set_memory_limit(1'000'000'000);
    crowded.emplace(log, resolver, gate, few, spooler);
    session = std::make_unique<lonc::net::PeerSession>(io, config, *crowded, 1, [](std::exception_ptr) {});
    session->start();
    REQUIRE(is_up());
  }
  ~Crowded() {
    session.reset();
    run_ready(io);
  }
  // It is served, and is idle from then on.
  Wire idle_client() {
    Wire wire = client_with("get:x\n");
    REQUIRE(has_request("get:x"));
    peer().requests.clear();
    peer().wire.send("y\n");
    REQUIRE(answers(wire, "y\n"));
    return wire;
  }

  ClientLimit few;  // half of the slots for this peer
  std::optional<lonc::net::PeerServices> crowded;
};

}  // namespace

TEST_CASE("PeerSession: when slots run short, the client that has been idle longest is closed") {
  Crowded f(Duration::zero());
  Wire in_the_middle = f.client_with("half a li");
  std::vector<Wire> idle;
  for (int i = 0; i != 5; ++i) idle.push_back(f.idle_client());
  Wire waiting = f.client_with("dump:x\n");
  REQUIRE(f.has_request("dump:x"));
  const auto closed = [&] { return std::ranges::count_if(idle, [](Wire& wire) { return wire.is_ended(); }); };
  REQUIRE(f.until([&] { return closed() != 0; }));
  CHECK(idle.front().is_ended());
  CHECK(f.report()->clients == 6);
  CHECK(closed() == 1);  // no more than necessary
  CHECK(f.report()->idle_clients_closed == 1);
  CHECK(f.log.has("Places for clients are running short"));

  f.peer().wire.send("all\n");
  CHECK(f.answers(waiting, "all\n"));
  in_the_middle.send("ne\n");
  CHECK(f.has_request("half a line"));
}

TEST_CASE("PeerSession: a client that has not been idle for long is never closed for others") {
  Crowded f(1h);
  std::vector<Wire> clients;
  for (int i = 0; i != 8; ++i) clients.push_back(f.idle_client());
  Wire refused = f.client();
  CHECK(f.answers(refused, "con_lost\n"));
  CHECK(f.report()->clients == 8);
  CHECK(f.report()->idle_clients_closed == 0);
  CHECK_FALSE(f.log.has("Places for clients are running short"));
}
