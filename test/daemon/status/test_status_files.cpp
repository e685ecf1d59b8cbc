#include "daemon/status/peer_fields.hpp"
#include "daemon/status/status_files.hpp"
#include "support/catch.hpp"
#include "support/doc_block.hpp"
#include "support/process_help.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using lonc::core::PeerState;
using lonc::daemon::DaemonReport;
using lonc::daemon::Snapshot;
using lonc::net::PeerReport;
using nlohmann::json;
using std::chrono::system_clock;
using Names = std::set<std::string>;
using namespace std::chrono_literals;
using namespace lonc::daemon;
using namespace lonc::test;

namespace {

system_clock::time_point at(int minute, int second = 0) {
  return system_clock::from_time_t(1015559400) + std::chrono::minutes{minute} + std::chrono::seconds{second};
}

DaemonReport daemon_report() {
  ::setenv("TZ", "UTC0", 1);
  ::tzset();
  DaemonReport daemon{
      {"Running", at(1), "Ready: 2 peers", lonc::core::Severity::routine, at(1)}, 4711, "msul1", "0.1.0", at(0), {}};
  daemon.interval = 1500ms;
  daemon.log_level = "info";
  daemon.history = {{at(0), 1, 2, 3, 4, 5, 6, 7, 8}};
  return daemon;
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
  peer.status.last_error = {std::make_error_code(std::errc::connection_refused), {}};
  peer.status.remedy = "start lond";
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
  peer.idle_clients_closed = 25;
  peer.delayed_oldest_at = at(5) + 29500ms;
  peer.delayed_quarantined = 3;
  for (const auto time : {500us, 500us, 9500us}) peer.status.round_trips.add(time);
  peer.status.round_trips.add(1s);
  return peer;
}

Snapshot snapshot_of(DaemonReport daemon, std::vector<PeerReport> peers) {
  return {at(7), std::move(daemon), std::move(peers)};
}

const json expected_daemon = json::parse(R"json({
    "host_id": "msul1", "pid": 4711, "program_version": "0.1.0", "started": "2002-03-08T03:50:00.000Z",
    "text": "Running", "text_since": "2002-03-08T03:51:00.000Z", "ready": true, "problems": [], "interval_s": 1.5, "log_level": "info",
    "last_log": {"at": "2002-03-08T03:51:00.000Z", "text": "Ready: 2 peers"},
    "delayed": {"open": false, "waiting": 0, "quarantined": 0, "for_unknown_hosts": 0, "other_files": 0,
                "doubtful": 0, "doubtful_names": [], "trouble": null, "trouble_since": null,
                "remedy": null},
    "history": [{"at": "2002-03-08T03:50:00.000Z", "up": 1, "down": 2, "requests": 3, "replies": 4, "con_lost": 5,
                 "errors": 6, "timeouts": 7, "delayed_waiting": 8}]})json");
const json expected_peer = json::parse(R"json({
    "id": "msul3", "name": "msul3.example.edu", "address": "192.0.2.7:5663", "state": "away",
    "since": "2002-03-08T03:52:00.000Z", "text": "Away: connection refused (retry in 12 s)",
    "text_since": "2002-03-08T03:53:00.000Z", "connections": 1, "opening": 2, "in_flight": 3, "queued": 4,
    "clients": 6, "idle_clients_closed": 25, "failed_in_a_row": 5, "next_attempt": "2002-03-08T03:56:00.000Z",
    "last_error": "Connection refused", "last_error_at": "2002-03-08T03:55:00.042Z",
    "remedy": "start lond",
    "last_log": {"at": "2002-03-08T03:54:00.000Z", "text": "WARNING: Lost"},
    "round_trip": {"count": 4, "mean_ms": 252.625, "p50_ms": 0.5, "p99_ms": 970.0},
    "delayed": {"waiting": 13, "oldest_age_s": 90.5, "quarantined": 3, "attempts": 2, "tried": "1.&lt;b&gt;.msul3", "delivered": 10, "failed": 11,
                "set_aside": 12},
    "counters": {"requests": 120, "replies": 100, "con_lost": 19, "errors": 1, "timeouts": 7, "attempts": 8,
                 "failed_attempts": 9, "reconnects": 22, "out_of_turn": 23, "empty_lines": 24, "bytes_sent": 20, "bytes_received": 21}})json");

}  // namespace

TEST_CASE("the classic status file: parent first, then peers by id, the same pid in every line") {
  CHECK(lonc::daemon::render_status_text(
            snapshot_of(daemon_report(), {peer_report("B1"), away_report(), peer_report("zul")})) ==
        "LONC status Fri Mar  8 03:57:00 2002 - parent 4711\n"
        "\n"
        "4711\tPARENT\tFri Mar  8 03:51:00 2002: Running\tFri Mar  8 03:51:00 2002: Ready: 2 peers\n"
        "4711\tB1\tFri Mar  8 03:53:00 2002: Connected\t\n"
        "4711\tmsul3\tFri Mar  8 03:53:00 2002: Away: connection refused (retry in 12 s)\t"
        "Fri Mar  8 03:54:00 2002: WARNING: Lost\n"
        "4711\tzul\tFri Mar  8 03:53:00 2002: Connected\t\n");
}

TEST_CASE("a text cannot add a field or a line to the status file, and is not escaped twice") {
  PeerReport peer = peer_report("msul3");
  peer.status.text = "a\tb\nc &lt;x&gt;";
  peer.last_log = "d\te";
  peer.last_log_at = at(4);
  const std::string text = lonc::daemon::render_status_text(snapshot_of(daemon_report(), {peer}));
  CHECK(text.ends_with("4711\tmsul3\tFri Mar  8 03:53:00 2002: a b c &lt;x&gt;\tFri Mar  8 03:54:00 2002: d e\n"));
}

TEST_CASE("without peers there is only the parent") {
  CHECK(lonc::daemon::render_status_text(snapshot_of(daemon_report(), {})) ==
        "LONC status Fri Mar  8 03:57:00 2002 - parent 4711\n\n"
        "4711\tPARENT\tFri Mar  8 03:51:00 2002: Running\tFri Mar  8 03:51:00 2002: Ready: 2 peers\n");
  CHECK(json::parse(lonc::daemon::render_status_json(snapshot_of(daemon_report(), {})))["peers"] == json::array());
}

TEST_CASE("the JSON status contains everything known about a peer") {
  const json document =
      json::parse(lonc::daemon::render_status_json(snapshot_of(daemon_report(), {away_report(), peer_report("zul")})));
  CHECK(document["version"] == 1);
  CHECK(document["written"] == "2002-03-08T03:57:00.000Z");
  CHECK(document["daemon"] == expected_daemon);
  REQUIRE(document["peers"].size() == 2);
  CHECK(document["peers"][0] == expected_peer);
  CHECK(document["peers"][1]["id"] == "zul");
}

TEST_CASE("no value of a peer is carried over to the next one") {
  const json document = json::parse(lonc::daemon::render_status_json(
      snapshot_of(daemon_report(), {away_report(), peer_report("zul"), away_report()})));
  REQUIRE(document["peers"].size() == 3);
  CHECK(document["peers"][0] == expected_peer);
  for (const char* member : {"name", "address", "next_attempt", "last_error", "last_error_at", "remedy", "last_log"}) {
    INFO(member);
    CHECK(document["peers"][1].at(member).is_null());
  }
  CHECK(document["peers"][1]["delayed"]["tried"].is_null());
  CHECK(document["peers"][2] == expected_peer);
}

TEST_CASE("docs/status-json.md lists the members of a peer as in the table of fields") {
  std::string table = "| member of a peer | meaning | when it is null |\n| --- | --- | --- |\n";
  for (const lonc::daemon::PeerField& field : lonc::daemon::peer_fields()) {
    if (field.json.empty()) continue;
    table.append("| `").append(field.json).append("` | ").append(field.meaning).append(" | ");
    table.append(field.null_when).append(field.null_when.empty() ? "|\n" : " |\n");
  }
  lonc::test::check_doc_block("status-json.md", "members of a peer", table);
  const auto document =
      nlohmann::ordered_json::parse(lonc::daemon::render_status_json(snapshot_of(daemon_report(), {away_report()})));
  lonc::test::check_doc_block("status-json.md", "example of a peer",
                              "```json\n" + document["peers"][0].dump(2) + "\n```\n");
}

TEST_CASE("spool trouble is reported with its time, possible duplicates by name") {
  DaemonReport daemon = daemon_report();
  daemon.spool.trouble = "the journal cannot be written: No space left on device";
  daemon.spool.trouble_since = at(5);
  daemon.spool.trouble_remedy = "make room";
  daemon.spool.doubtful = {"1.a.msul3", "2.<b>.msul3"};
  daemon.spool.doubtful_count = 2;
  const std::string text = lonc::daemon::render_status_text(snapshot_of(daemon, {}));
  CHECK(text.find(
            "PARENT\tFri Mar  8 03:51:00 2002: Running; delayed messages have not been sent since Fri Mar  8 03:55:00 "
            "2002: the journal cannot be written: No space left on device; 2 delayed messages may have arrived "
            "twice, the last of them 2.&lt;b&gt;.msul3\t") != std::string::npos);
  const json delayed = json::parse(lonc::daemon::render_status_json(snapshot_of(daemon, {})))["daemon"]["delayed"];
  CHECK(delayed["trouble"] == daemon.spool.trouble);
  CHECK(delayed["trouble_since"] == "2002-03-08T03:55:00.000Z");
  CHECK(delayed["remedy"] == daemon.spool.remedy());
  CHECK(delayed["doubtful_names"] == json({"1.a.msul3", "2.&lt;b&gt;.msul3"}));
}

TEST_CASE("values that have never been set are null") {
  DaemonReport daemon = daemon_report();
  daemon.last_log.clear();
  const json document = json::parse(lonc::daemon::render_status_json(snapshot_of(daemon, {peer_report("msul3")})));
  CHECK(document["daemon"]["last_log"].is_null());
  for (const char* member : {"name", "address", "next_attempt", "last_error", "last_error_at", "remedy", "last_log"}) {
    INFO(member);
    CHECK(document["peers"][0].at(member).is_null());
  }
}

TEST_CASE("bytes that are not UTF-8 do not prevent the JSON file") {
  PeerReport peer = peer_report("msul3");
  peer.name = "caf\xe9";
  const json document = json::parse(lonc::daemon::render_status_json(snapshot_of(daemon_report(), {peer})));
  CHECK(document["peers"][0]["name"] == "caf\xef\xbf\xbd");
}

namespace {

Names names_in(const std::string& directory) {
  Names names;
  for (const auto& entry : std::filesystem::directory_iterator{directory}) names.insert(entry.path().filename());
  return names;
}

}  // namespace

TEST_CASE("both status files are written, and their directory is created") {
  const TempDir dir;
  const mode_t mask = ::umask(022);
  REQUIRE_FALSE(write_status_files(dir.path(), "text\n", "{}\n").error);
  ::umask(mask);
  CHECK(names_in(dir / "lon-status") == Names{"loncstatus.json", "loncstatus.txt"});
  CHECK(read_file(dir / "lon-status/loncstatus.txt") == "text\n");
  CHECK(read_file(dir / "lon-status/loncstatus.json") == "{}\n");
  struct stat info{};
  REQUIRE(::stat((dir / "lon-status/loncstatus.txt").c_str(), &info) == 0);
  CHECK((info.st_mode & 0444U) == 0444U);

  REQUIRE_FALSE(write_status_files(dir.path(), "t2\n", "{2}\n").error);
  CHECK(read_file(dir / "lon-status/loncstatus.txt") == "t2\n");
  CHECK(read_file(dir / "lon-status/loncstatus.json") == "{2}\n");
}

TEST_CASE("without a document root the error names the file") {
  const TempDir dir;
  const FileError error = write_status_files(dir / "absent", "text\n", "{}\n");
  CHECK(error.error == std::errc::no_such_file_or_directory);
  CHECK(error.file == dir / "absent/lon-status");
}

TEST_CASE("if the second file cannot be written, the first is not changed either") {
  const TempDir dir;
  REQUIRE_FALSE(write_status_files(dir.path(), "old\n", "{}\n").error);
  Child child{[&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &small);
    const FileError error = write_status_files(dir.path(), "new\n", std::string(2000, 'x'));
    return error.error == std::errc::file_too_large && error.file.ends_with("/loncstatus.json") ? 0 : 1;
  }};
  CHECK(child.wait() == 0);
  CHECK(read_file(dir / "lon-status/loncstatus.txt") == "old\n");
  CHECK(read_file(dir / "lon-status/loncstatus.json") == "{}\n");
  CHECK(names_in(dir / "lon-status") == Names{"loncstatus.json", "loncstatus.txt"});
}

TEST_CASE("a name that cannot be replaced leaves nothing behind") {
  const TempDir dir;
  std::filesystem::create_directories(dir / "lon-status/loncstatus.txt/full");
  const FileError error = write_status_files(dir.path(), "new\n", "{}\n");
  CHECK(error.error);
  CHECK(error.file == dir / "lon-status/loncstatus.txt");
  CHECK(names_in(dir / "lon-status") == Names{"loncstatus.txt"});
}

TEST_CASE("a temporary file from a crash is no obstacle") {
  const TempDir dir;
  std::filesystem::create_directory(dir / "lon-status");
  write_file(dir / ("lon-status/.loncstatus.txt." + std::to_string(::getpid())), "half");
  REQUIRE_FALSE(write_status_files(dir.path(), "text\n", "{}\n").error);
  CHECK(names_in(dir / "lon-status") == Names{"loncstatus.json", "loncstatus.txt"});
}

TEST_CASE("a reader never sees a part of a file") {
  const TempDir dir;
  const std::string first(20'000, 'a');
  const std::string second(30'000, 'b');
  REQUIRE_FALSE(write_status_files(dir.path(), first, "{}").error);
  std::atomic<bool> done{false};
  std::atomic<unsigned> reads{0};
  std::atomic<unsigned> torn{0};
  std::thread reader{[&] {
    while (!done) {
      const std::string text = read_file(dir / "lon-status/loncstatus.txt");
      if (text != first && text != second) ++torn;
      ++reads;
    }
  }};
  for (int i = 0; i < 30; ++i) {
    CHECK_FALSE(write_status_files(dir.path(), i % 2 == 0 ? second : first, "{}").error);
  }
  CHECK(wait_until([&] { return reads > 0; }));
  done = true;
  reader.join();
  CHECK(torn == 0);
}
