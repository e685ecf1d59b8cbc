#include "support/catch.hpp"

#include <lonc/app/status_render.hpp>

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <ctime>

using lonc::app::ParentReport;
using lonc::core::PeerState;
using lonc::net::PeerReport;
using nlohmann::json;
using std::chrono::system_clock;
using namespace std::chrono_literals;

namespace {

system_clock::time_point at(int minute, int second = 0) {
  return system_clock::from_time_t(1015559400) + std::chrono::minutes{minute} + std::chrono::seconds{second};
}

ParentReport parent_report() {
  ::setenv("TZ", "UTC0", 1);
  ::tzset();
  ParentReport parent{4711,  "msul1", "0.1.0", at(0), "Running", at(1), "Ready: 2 peers", lonc::core::Severity::notice,
                      at(1), {}};
  parent.interval = 1500ms;
  parent.log_level = "info";
  parent.is_ready = true;
  parent.history = {{at(0), 1, 2, 3, 4, 5, 6, 7, 8}};
  return parent;
}

PeerReport peer_report(const std::string& id) {
  PeerReport peer;
  peer.status.peer_id = id;
  peer.status.state = PeerState::up;
  peer.status.text = "Connected";
  peer.state_since = at(2);
  peer.text_since = at(3);
  return peer;
}

PeerReport away_report() {
  PeerReport peer = peer_report("msul3");
  peer.status.state = PeerState::away;
  peer.status.text = "Away: connection refused (retry in 12 s)";
  peer.status.connections = 1;
  peer.status.opening = 2;
  peer.status.in_flight = 3;
  peer.status.queued = 4;
  peer.status.failed_in_a_row = 5;
  peer.status.last_error = "connection refused";
  peer.status.counters = {120, 100, 19, 1, 7, 8, 9, 10, 11, 12, 20, 21, 22, 23, 24};
  peer.status.delayed_waiting = 13;
  peer.status.delayed_attempts = 2;
  peer.status.delayed_tried = "1.<b>.msul3";
  peer.name = "msul3.example.edu";
  peer.address = "192.0.2.7:5663";
  peer.last_error_at = at(5) + 42ms;
  peer.next_attempt_at = at(6);
  peer.last_log = "Lost";
  peer.last_log_severity = lonc::core::Severity::warning;
  peer.last_log_at = at(4);
  peer.clients = 6;
  peer.delayed_oldest_at = at(5) + 29500ms;
  peer.delayed_quarantined = 3;
  for (const auto time : {500us, 500us, 9500us}) peer.status.round_trips.add(time);
  peer.status.round_trips.add(1s);
  return peer;
}

const json expected_daemon = json::parse(R"json({
    "host_id": "msul1", "pid": 4711, "program_version": "0.1.0", "started": "2002-03-08T03:50:00.000Z",
    "text": "Running", "text_since": "2002-03-08T03:51:00.000Z", "ready": true, "problems": [], "interval_s": 1.5, "log_level": "info",
    "last_log": {"at": "2002-03-08T03:51:00.000Z", "text": "Ready: 2 peers"},
    "delayed": {"open": false, "waiting": 0, "quarantined": 0, "for_unknown_hosts": 0, "other_files": 0,
                "doubtful": 0, "doubtful_names": [], "trouble": null, "trouble_since": null},
    "history": [{"at": "2002-03-08T03:50:00.000Z", "up": 1, "down": 2, "requests": 3, "replies": 4, "con_lost": 5,
                 "errors": 6, "timeouts": 7, "delayed_waiting": 8}]})json");
const json expected_peer = json::parse(R"json({
    "id": "msul3", "name": "msul3.example.edu", "address": "192.0.2.7:5663", "state": "away",
    "since": "2002-03-08T03:52:00.000Z", "text": "Away: connection refused (retry in 12 s)",
    "text_since": "2002-03-08T03:53:00.000Z", "connections": 1, "opening": 2, "in_flight": 3, "queued": 4,
    "clients": 6, "failed_in_a_row": 5, "next_attempt": "2002-03-08T03:56:00.000Z",
    "last_error": "connection refused", "last_error_at": "2002-03-08T03:55:00.042Z",
    "last_log": {"at": "2002-03-08T03:54:00.000Z", "text": "WARNING: Lost"},
    "round_trip": {"count": 4, "mean_ms": 252.625, "p50_ms": 0.5, "p99_ms": 970.0},
    "delayed": {"waiting": 13, "oldest_age_s": 90.5, "quarantined": 3, "attempts": 2, "tried": "1.&lt;b&gt;.msul3", "delivered": 10, "failed": 11,
                "set_aside": 12},
    "counters": {"requests": 120, "replies": 100, "con_lost": 19, "errors": 1, "timeouts": 7, "attempts": 8,
                 "failed_attempts": 9, "reconnects": 22, "out_of_turn": 23, "empty_lines": 24, "bytes_sent": 20, "bytes_received": 21}})json");

}  // namespace

TEST_CASE("the classic status file: parent first, then peers by id, the one pid in every line") {
  CHECK(lonc::app::render_status_text(parent_report(), {peer_report("zul"), away_report(), peer_report("B1")}, at(7)) ==
        "LONC status Fri Mar  8 03:57:00 2002 - parent 4711\n"
        "\n"
        "4711\tPARENT\tFri Mar  8 03:51:00 2002: Running\tFri Mar  8 03:51:00 2002: Ready: 2 peers\n"
        "4711\tB1\tFri Mar  8 03:53:00 2002: Connected\t\n"
        "4711\tmsul3\tFri Mar  8 03:53:00 2002: Away: connection refused (retry in 12 s)\t"
        "Fri Mar  8 03:54:00 2002: WARNING: Lost\n"
        "4711\tzul\tFri Mar  8 03:53:00 2002: Connected\t\n");
}

TEST_CASE("a text can not add a field or a line to the status file, and is not escaped twice") {
  PeerReport peer = peer_report("msul3");
  peer.status.text = "a\tb\nc &lt;x&gt;";
  peer.last_log = "d\te";
  peer.last_log_at = at(4);
  const std::string text = lonc::app::render_status_text(parent_report(), {peer}, at(7));
  CHECK(text.ends_with("4711\tmsul3\tFri Mar  8 03:53:00 2002: a b c &lt;x&gt;\tFri Mar  8 03:54:00 2002: d e\n"));
}

TEST_CASE("without peers the parent stands alone") {
  CHECK(lonc::app::render_status_text(parent_report(), {}, at(7)) ==
        "LONC status Fri Mar  8 03:57:00 2002 - parent 4711\n\n"
        "4711\tPARENT\tFri Mar  8 03:51:00 2002: Running\tFri Mar  8 03:51:00 2002: Ready: 2 peers\n");
  CHECK(json::parse(lonc::app::render_status_json(parent_report(), {}, at(7)))["peers"] == json::array());
}

TEST_CASE("the JSON status says all that is known of a peer") {
  const json document =
      json::parse(lonc::app::render_status_json(parent_report(), {peer_report("zul"), away_report()}, at(7)));
  CHECK(document["version"] == 1);
  CHECK(document["written"] == "2002-03-08T03:57:00.000Z");
  CHECK(document["daemon"] == expected_daemon);
  REQUIRE(document["peers"].size() == 2);
  CHECK(document["peers"][0] == expected_peer);
  CHECK(document["peers"][1]["id"] == "zul");
}

TEST_CASE("what is wrong with the spool, and what may have arrived twice, is told since when and by name") {
  ParentReport parent = parent_report();
  parent.spool.trouble = "the journal can not be written: No space left on device";
  parent.spool.trouble_since = at(5);
  parent.spool.doubtful = {"1.a.msul3", "2.<b>.msul3"};
  parent.spool.doubtful_count = 2;
  const std::string text = lonc::app::render_status_text(parent, {}, at(7));
  CHECK(text.find("PARENT\tFri Mar  8 03:51:00 2002: Running; delayed messages are not sent since Fri Mar  8 03:55:00 "
                  "2002: the journal can not be written: No space left on device; 2 delayed messages may have arrived "
                  "twice, the last of them 2.&lt;b&gt;.msul3\t") != std::string::npos);
  const json delayed = json::parse(lonc::app::render_status_json(parent, {}, at(7)))["daemon"]["delayed"];
  CHECK(delayed["trouble"] == parent.spool.trouble);
  CHECK(delayed["trouble_since"] == "2002-03-08T03:55:00.000Z");
  CHECK(delayed["doubtful_names"] == json({"1.a.msul3", "2.&lt;b&gt;.msul3"}));
}

TEST_CASE("what has never been is null") {
  ParentReport parent = parent_report();
  parent.last_log.clear();
  const json document = json::parse(lonc::app::render_status_json(parent, {peer_report("msul3")}, at(7)));
  CHECK(document["daemon"]["last_log"].is_null());
  for (const char* member : {"name", "address", "next_attempt", "last_error", "last_error_at", "last_log"}) {
    INFO(member);
    CHECK(document["peers"][0].at(member).is_null());
  }
}

TEST_CASE("bytes that are no UTF-8 do not cost the JSON file") {
  PeerReport peer = peer_report("msul3");
  peer.status.last_error = "caf\xe9";
  const json document = json::parse(lonc::app::render_status_json(parent_report(), {peer}, at(7)));
  CHECK(document["peers"][0]["last_error"] == "caf\xef\xbf\xbd");
}

TEST_CASE("times in UTC have milliseconds") {
  CHECK(lonc::app::utc_text(system_clock::from_time_t(0)) == "1970-01-01T00:00:00.000Z");
  CHECK(lonc::app::utc_text(system_clock::from_time_t(0) - 1ms) == "1969-12-31T23:59:59.999Z");
  CHECK(lonc::app::utc_text(at(0) + 999999us) == "2002-03-08T03:50:00.999Z");
}
