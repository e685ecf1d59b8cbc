#include "support/catch.hpp"

#include <loncctl/exit_code.hpp>
#include <loncctl/status_document.hpp>
#include <loncctl/status_view.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

using namespace lonc::ctl;
using namespace std::chrono_literals;

namespace {

const WallTime now = *parse_utc("2002-03-08T04:00:00Z");

PeerState peer(const std::string& id, const std::string& state, std::uint64_t con_lost = 0) {
  PeerState result;
  result.id = id;
  result.state = state;
  result.text = state;
  result.since = now - 3min;
  result.counts.con_lost = con_lost;
  return result;
}

std::vector<std::string> ids(const std::vector<PeerState>& peers) {
  std::vector<std::string> result;
  for (const PeerState* each : worst_first(peers)) result.push_back(each->id);
  return result;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the head line counts peers by state") {
  CHECK(head_line({}) == "0 peers");
  CHECK(head_line({peer("a", "up")}) == "1 peer: 1 up");
  CHECK(head_line({peer("a", "up"), peer("b", "away"), peer("c", "given_up"), peer("d", "up")}) ==
        "4 peers: 2 up, 1 away, 1 given up");
  CHECK(head_line({peer("a", "away")}) == "1 peer: 0 up, 1 away");
}

TEST_CASE("the worst peers come first, of these the most costly, the rest by id") {
  CHECK(ids({peer("z", "up"), peer("b", "up", 99), peer("c", "away"), peer("d", "away", 5), peer("e", "given_up"),
             peer("f", "starting"), peer("g", "paused"), peer("h", "unheard-of")}) ==
        std::vector<std::string>{"e", "d", "c", "g", "f", "h", "b", "z"});
}

TEST_CASE("the table tells state, age and last error") {
  StatusDocument status;
  status.daemon.host_id = "data1";
  status.daemon.version = "0.1.0";
  status.daemon.text = "Running";
  status.daemon.pid = 42;
  status.daemon.started = now - 5h;
  status.daemon.delayed_waiting = 12;
  status.peers = {peer("msul1", "up"), peer("msul2", "away", 19)};
  status.peers[0].last_error = "the peer closed the connection";
  status.peers[0].last_error_at = now - 2h;
  status.peers[1].last_error = "Connection refused";
  CHECK(render_status(status, now, {}) ==
        "2 peers: 1 up, 1 away\n"
        "lonc 0.1.0 on data1, process 42, started 5h ago; 12 delayed messages wait\n"
        "\n"
        "PEER   STATE  FOR  CONN  FLIGHT  REQS  LOST  WAIT  LAST ERROR\n"
        "msul2  away    3m     0       0     0    19     0  Connection refused\n"
        "msul1  up      3m     0       0     0     0     0  the peer closed the connection (2h ago)\n");
  status.daemon.spool_trouble = "No space left on device";
  CHECK(contains(render_head(status, now, {}), "\ndelayed messages are not sent: No space left on device\n"));
}

TEST_CASE("one peer in detail comes with what to do") {
  PeerState away = peer("msul2", "away");
  away.last_error = "lond refused this server (at init)";
  away.last_error_at = now - 30s;
  away.next_attempt = now + 4s;
  const std::string text = render_peer(away, now, {.width = 10});
  CHECK(contains(text, "last error:    lond refused this server (at init), 30s ago\n"));
  CHECK(contains(text, "what to do:    the peer does not know this server's address: "));
  CHECK(contains(text, "next attempt:  in 4s\n"));
  CHECK(contains(render_peer(peer("msul3", "paused"), now, {}), "loncctl reconnect msul3"));
  PeerState up = away;
  up.state = "up";
  CHECK_FALSE(contains(render_peer(up, now, {}), "what to do:"));
}

TEST_CASE("top shows what was counted between two looks, per second") {
  StatusDocument before;
  before.written = now - 2s;
  before.peers = {peer("a", "up"), peer("b", "up"), peer("c", "away", 10)};
  before.peers[0].counts.requests = 100;
  StatusDocument after = before;
  after.written = now;
  after.peers[0].counts.requests = 101;
  after.peers[1].counts.requests = 500;
  after.peers[2].counts.con_lost = 15;
  const std::string text = render_top(before, after, now, {}, 0);
  CHECK(contains(text, "per second: 250 requests, 0.0 replies, 2.5 con_lost, 0.0 errors\n"));
  // Trouble first, then the busiest.
  CHECK(text.find("\nc ") < text.find("\nb "));
  CHECK(text.find("\nb ") < text.find("\na "));
  SECTION("a daemon that was started anew gives no rate") {
    after.peers[0].counts.requests = 3;
    after.peers[1].counts.requests = 0;
    CHECK(contains(render_top(before, after, now, {}, 0), "per second: 0.0 requests"));
  }
  SECTION("as many lines as the terminal has") {
    const std::string small = render_top(before, after, now, {}, 8);
    CHECK(contains(small, "\nand 1 more\n"));
    CHECK(std::count(small.begin(), small.end(), '\n') <= 8);
  }
}

TEST_CASE("a status is read, and what is missing in it is left out") {
  const StatusDocument status = parse_status(R"({"version": 1, "written": "2002-03-08T04:00:00.000Z",
    "daemon": {"host_id": "data1", "delayed": {"waiting": 3, "trouble": null}},
    "peers": [{"id": "msul1", "state": "up", "name": null, "round_trip": {"count": 2, "p50_ms": 1.5, "p99_ms": 8},
               "counters": {"requests": 7}, "delayed": {"waiting": 2}}, {"id": "x\u001b"}]})");
  CHECK(status.written == now);
  CHECK(status.daemon.delayed_waiting == 3);
  REQUIRE(status.peers.size() == 2);
  CHECK(status.peers[0].name.empty());
  CHECK(status.peers[0].counts.requests == 7);
  CHECK(status.peers[0].delayed_waiting == 2);
  CHECK(status.peers[0].round_trip_p50_ms == 1.5);
  CHECK(status.peers[1].id == "x?");
  for (const auto* const bad : {"", "[]", "{}", R"({"version": 2, "peers": []})", R"({"version": 1})"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_status(bad), Failure);
  }
}
