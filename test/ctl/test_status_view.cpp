#include "ctl/command_line.hpp"
#include "ctl/view/status_view.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

using namespace lonc::ctl;
using nlohmann::json;
using namespace std::chrono_literals;

namespace {

const WallTime now = *lonc::os::parse_utc("2002-03-08T04:00:00Z");

json peer(const std::string& id, const std::string& state, int con_lost = 0) {
  return {{"id", id},
          {"state", state},
          {"text", state},
          {"since", "2002-03-08T03:57:00.000Z"},
          {"counters", {{"con_lost", con_lost}}}};
}

std::vector<std::string> ids(const json& peers) {
  std::vector<std::string> result;
  for (const json* each : worst_first(peers)) result.push_back(text_in(*each, "id"));
  return result;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the head line counts peers by state") {
  CHECK(head_line(json::array()) == "0 peers");
  CHECK(head_line(json::array({peer("a", "up")})) == "1 peer: 1 up");
  CHECK(head_line(json::array({peer("a", "up"), peer("b", "away"), peer("c", "given_up"), peer("d", "up")})) ==
        "4 peers: 2 up, 1 away, 1 given up");
  CHECK(head_line(json::array({peer("a", "away")})) == "1 peer: 0 up, 1 away");
}

TEST_CASE("the worst peers come first, among these those with the most con_lost, the rest by id") {
  CHECK(
      ids(json::array({peer("z", "up"), peer("b", "up", 99), peer("c", "away"), peer("d", "away", 5),
                       peer("e", "given_up"), peer("f", "starting"), peer("g", "drained"), peer("h", "unheard-of")})) ==
      std::vector<std::string>{"e", "d", "c", "g", "f", "h", "b", "z"});
}

TEST_CASE("the table shows state, age and last error") {
  json status{{"daemon",
               {{"host_id", "data1"},
                {"program_version", "0.1.0"},
                {"text", "Running"},
                {"pid", 42},
                {"started", "2002-03-07T23:00:00.000Z"},
                {"delayed", {{"waiting", 12}}}}},
              {"peers", {peer("msul1", "up"), peer("msul2", "away", 19)}}};
  status["peers"][0]["last_error"] = "the peer closed the connection";
  status["peers"][0]["last_error_at"] = "2002-03-08T02:00:00.000Z";
  status["peers"][1]["last_error"] = "Connection refused";
  CHECK(render_status(status, now, {}) ==
        "2 peers: 1 up, 1 away\n"
        "lonc 0.1.0 on data1, process 42, started 5h ago; 12 delayed messages wait\n"
        "\n"
        "PEER   STATE  FOR  CONN  FLIGHT  REQS  LOST  WAIT  LAST ERROR\n"
        "msul2  away    3m     0       0     0    19     0  Connection refused\n"
        "msul1  up      3m     0       0     0     0     0  the peer closed the connection (2h ago)\n");
  status["daemon"]["delayed"]["trouble"] = "No space left on device";
  CHECK(contains(render_head(status, now, {}), "\ndelayed messages are not sent: No space left on device\n"));
}

TEST_CASE("the details of one peer include the remedy") {
  json away = peer("msul2", "away");
  away["last_error"] = "lond refused this server (at init)";
  away["last_error_at"] = "2002-03-08T03:59:30.000Z";
  away["remedy"] = "correct the peer's hosts.tab";
  away["next_attempt"] = "2002-03-08T04:00:04.000Z";
  away["round_trip"] = {{"count", 2}, {"p50_ms", 1.5}, {"p99_ms", 8}};
  const std::string text = render_peer(away, now, {.width = 10});
  CHECK(contains(text, "last error:    lond refused this server (at init), 30s ago\n"));
  CHECK(contains(text, "what to do:    correct the peer's hosts.tab\n"));
  CHECK(contains(text, "next attempt:  in 4s\n"));
  CHECK(contains(text, "median 1.5 ms, p99 8 ms"));
  CHECK_FALSE(contains(render_peer(peer("msul3", "up"), now, {}), "what to do:"));
}

TEST_CASE("top shows rates per second between two snapshots") {
  json before{{"written", "2002-03-08T03:59:58.000Z"},
              {"peers", {peer("a", "up"), peer("b", "up"), peer("c", "away", 10)}}};
  before["peers"][0]["counters"]["requests"] = 100;
  json after = before;
  after["written"] = "2002-03-08T04:00:00.000Z";
  after["peers"][0]["counters"]["requests"] = 101;
  after["peers"][1]["counters"]["requests"] = 500;
  after["peers"][2]["counters"]["con_lost"] = 15;
  const std::string text = render_top(before, after, now, {}, 0);
  CHECK(contains(text, "per second: 250 requests, 0.0 replies, 2.5 con_lost, 0.0 errors\n"));
  // Trouble first, then the busiest.
  CHECK(text.find("\nc ") < text.find("\nb "));
  CHECK(text.find("\nb ") < text.find("\na "));
  SECTION("a daemon that was restarted in between gives no rate") {
    after["peers"][0]["counters"]["requests"] = 3;
    after["peers"][1]["counters"]["requests"] = 0;
    CHECK(contains(render_top(before, after, now, {}, 0), "per second: 0.0 requests"));
  }
  SECTION("as many lines as the terminal has") {
    const std::string small = render_top(before, after, now, {}, 8);
    CHECK(contains(small, "\nand 1 more\n"));
    CHECK(std::count(small.begin(), small.end(), '\n') <= 8);
  }
}

TEST_CASE("members of an unexpected type are treated as missing") {
  const json status = parse_status(
      R"({"version": 1, "written": 3, "daemon": {"delayed": [], "pid": "x", "text": 1, "problems": 7}, "peers": [
          {"id": 5, "state": [], "counters": "none", "round_trip": {"p50_ms": "a", "p99_ms": []}, "connections": -1}]})");
  CHECK(head_line(status["peers"]).starts_with("1 peer: 0 up"));
  CHECK(contains(render_status(status, now, {}), "PEER"));
  CHECK_FALSE(render_peer(status["peers"][0], now, {}).empty());
  CHECK(contains(render_top(status, status, now, {}, 0), "per second: "));
  CHECK(count_in(status["peers"][0], "connections") == 0);
}

TEST_CASE("a status is parsed, and null members are treated as missing") {
  const json status = parse_status(R"({"version": 1, "written": "2002-03-08T04:00:00.000Z",
    "daemon": {"host_id": "data1", "delayed": {"waiting": 3, "trouble": null, "remedy": null}},
    "peers": [{"id": "msul1", "state": "up", "name": null, "since": null, "remedy": "x", "counters": {"requests": 7}},
              {"id": "x\u001b"}]})");
  CHECK(time_in(status, "written") == now);
  CHECK(part(status, "daemon")["delayed"] == json{{"waiting", 3}});
  const json& peers = part(status, "peers");
  REQUIRE(peers.size() == 2);
  CHECK(peers[0] == json{{"id", "msul1"}, {"state", "up"}, {"remedy", "x"}, {"counters", {{"requests", 7}}}});
  CHECK(text_in(peers[0], "name").empty());
  CHECK_FALSE(time_in(peers[0], "since"));
  CHECK(count_in(part(peers[1], "counters"), "requests") == 0);
  CHECK(text_in(peers[1], "id") == "x?");
  for (const auto* const bad : {"", "[]", "{}", R"({"version": 2, "peers": []})", R"({"version": 1})",
                                R"({"version": "1", "peers": []})", R"({"version": 1, "peers": [7]})"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_status(bad), Failure);
  }
}
