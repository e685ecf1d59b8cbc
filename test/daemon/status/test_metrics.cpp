#include "daemon/status/metrics.hpp"
#include "support/catch.hpp"
#include "support/doc_block.hpp"
#include "support/process_help.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

using lonc::core::PeerState;
using lonc::daemon::Snapshot;
using lonc::net::PeerReport;
using std::chrono::system_clock;
using namespace std::chrono_literals;

namespace {

const system_clock::time_point now = system_clock::from_time_t(1015559400);

PeerReport peer(const std::string& id, PeerState state) {
  PeerReport report;
  report.status.peer_id = id;
  report.status.state = state;
  report.state_since = now - 60s;
  return report;
}

Snapshot snapshot_of(std::vector<PeerReport> peers) {
  Snapshot snapshot;
  snapshot.at = now;
  snapshot.peers = std::move(peers);
  return snapshot;
}

std::string render(const Snapshot& snapshot) {
  boost::asio::io_context io;
  const lonc::daemon::ProcessMetrics process(boost::asio::make_strand(io), now);
  return render_metrics(process.registry(), snapshot);
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("each value of a peer is in its metric") {
  PeerReport report = peer("msul3", PeerState::away);
  report.status.connections = 1;
  report.status.opening = 2;
  report.status.in_flight = 3;
  report.status.queued = 4;
  report.status.delayed_waiting = 5;
  report.status.counters = {120, 100, 19, 1, 7, 8, 9, 10, 11, 12, 20, 21, 22};
  report.status.round_trips.add(700us);
  report.status.round_trips.add(2s);
  report.status.round_trips.add(1000s);
  report.clients = 6;
  report.idle_clients_closed = 23;
  report.next_attempt_at = now + 1500ms;
  report.delayed_oldest_at = now - 90s;
  report.delayed_quarantined = 13;
  const std::string text = render(snapshot_of({report}));
  CAPTURE(text);
  for (const char* line : {R"(lonc_peer_up{peer="msul3"} 0)",
                           R"(lonc_peer_state_changed_timestamp_seconds{peer="msul3"} 1015559340)",
                           R"(lonc_peer_backoff_seconds{peer="msul3"} 1.5)",
                           R"(lonc_peer_connections{peer="msul3",state="open"} 1)",
                           R"(lonc_peer_connections{peer="msul3",state="opening"} 2)",
                           R"(lonc_peer_connection_attempts_total{peer="msul3"} 8)",
                           R"(lonc_peer_connection_failures_total{peer="msul3"} 9)",
                           R"(lonc_peer_reconnects_total{peer="msul3"} 22)",
                           R"(lonc_peer_clients{peer="msul3"} 6)",
                           R"(lonc_peer_idle_clients_closed_total{peer="msul3"} 23)",
                           R"(lonc_peer_requests_total{peer="msul3"} 120)",
                           R"(lonc_peer_requests_answered_total{peer="msul3",outcome="reply"} 100)",
                           R"(lonc_peer_requests_answered_total{peer="msul3",outcome="con_lost"} 19)",
                           R"(lonc_peer_requests_answered_total{peer="msul3",outcome="error"} 1)",
                           R"(lonc_peer_request_timeouts_total{peer="msul3"} 7)",
                           R"(lonc_peer_requests_in_flight{peer="msul3"} 3)",
                           R"(lonc_peer_requests_queued{peer="msul3"} 4)",
                           R"(lonc_peer_round_trip_seconds_bucket{peer="msul3",le="0.0005"} 0)",
                           R"(lonc_peer_round_trip_seconds_bucket{peer="msul3",le="0.001"} 1)",
                           R"(lonc_peer_round_trip_seconds_bucket{peer="msul3",le="1"} 1)",
                           R"(lonc_peer_round_trip_seconds_bucket{peer="msul3",le="5"} 2)",
                           R"(lonc_peer_round_trip_seconds_bucket{peer="msul3",le="300"} 2)",
                           R"(lonc_peer_round_trip_seconds_bucket{peer="msul3",le="+Inf"} 3)",
                           R"(lonc_peer_round_trip_seconds_count{peer="msul3"} 3)",
                           R"(lonc_peer_sent_bytes_total{peer="msul3"} 20)",
                           R"(lonc_peer_received_bytes_total{peer="msul3"} 21)",
                           R"(lonc_peer_delayed_waiting_messages{peer="msul3"} 5)",
                           R"(lonc_peer_delayed_oldest_age_seconds{peer="msul3"} 90)",
                           R"(lonc_peer_delayed_quarantined_messages{peer="msul3"} 13)",
                           R"(lonc_peer_delayed_delivered_total{peer="msul3"} 10)",
                           R"(lonc_peer_delayed_failures_total{peer="msul3"} 11)",
                           R"(lonc_peer_delayed_set_aside_total{peer="msul3"} 12)"}) {
    CAPTURE(line);
    CHECK(has_line(text, line));
  }
}

TEST_CASE("metrics of the daemon have no peer label") {
  Snapshot snapshot = snapshot_of({peer("a", PeerState::up), peer("b", PeerState::up), peer("c", PeerState::paused)});
  snapshot.daemon.why_not_ready.clear();
  snapshot.daemon.log_lines_dropped = 3;
  snapshot.daemon.spool.is_open = true;
  snapshot.daemon.spool.waiting = 4;
  snapshot.daemon.spool.quarantined = 5;
  snapshot.daemon.spool.foreign = 6;
  snapshot.daemon.spool.doubtful_count = 7;
  snapshot.daemon.spool.trouble = "No space left on device";
  const std::string text = render(snapshot);
  CAPTURE(text);
  for (const char* line : {"lonc_ready 1", R"(lonc_peers{state="up"} 2)", R"(lonc_peers{state="away"} 0)",
                           R"(lonc_peers{state="drained"} 1)", "lonc_log_lines_dropped_total 3", "lonc_spool_open 1",
                           "lonc_spool_trouble 1", "lonc_spool_waiting_messages 4", "lonc_spool_quarantined_messages 5",
                           "lonc_spool_foreign_messages 6", "lonc_spool_doubtful_messages_total 7",
                           "process_start_time_seconds 1015559400", R"(lonc_loop_lag_seconds_bucket{le="+Inf"} 0)"}) {
    CAPTURE(line);
    CHECK(has_line(text, line));
  }
}

TEST_CASE("an id cannot break out of its label") {
  const std::string text = render(snapshot_of({peer("a\"} 1\nlonc_ready 0\\", PeerState::up)}));
  CHECK(has_line(text, R"(lonc_peer_up{peer="a\"} 1\nlonc_ready 0\\"} 1)"));
}

TEST_CASE("docs/metrics.md explains every metric, and no others") {
  std::set<std::string> rendered;
  std::istringstream lines(render(snapshot_of({peer("a", PeerState::up)})));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) rendered.insert(line.substr(7, line.find(' ', 7) - 7));
  }
  std::set<std::string> explained;
  std::ifstream document(std::filesystem::path(LONC_SOURCE_DIR) / "docs" / "metrics.md");
  REQUIRE(document);
  for (std::string line; std::getline(document, line);) {
    const auto end = line.starts_with("| `") ? line.find('`', 3) : std::string::npos;
    if (end == std::string::npos) continue;
    const std::string type = line.substr(end + 1, line.find('|', end + 4) - end - 1);
    if (type == " | gauge " || type == " | counter " || type == " | histogram ")
      explained.insert(line.substr(3, end - 3));
  }
  CHECK(rendered == explained);
}

TEST_CASE("docs/metrics.md lists the metrics of a peer as in the table of fields") {
  std::string table = "| metric | type | meaning |\n| --- | --- | --- |\n";
  for (const lonc::daemon::PeerFamily& family : lonc::daemon::peer_families()) {
    const std::string type = family.type() == prometheus::MetricType::Gauge     ? "gauge"
                             : family.type() == prometheus::MetricType::Counter ? "counter"
                                                                                : "histogram";
    table += "| `" + std::string(family.name()) + "` | " + type + " | " + family.meaning() + " |\n";
  }
  lonc::test::check_doc_block("metrics.md", "metrics of a peer", table);
}

TEST_CASE("promtool accepts the metrics") {
  if (std::system("command -v promtool >/dev/null") != 0)
    return lonc::test::skip("promtool is missing: cmake/bootstrap.sh install test");
  const lonc::test::TempDir directory;
  PeerReport busy = peer("msul1", PeerState::up);
  busy.status.round_trips.add(3ms);
  std::ofstream(directory / "metrics") << render(snapshot_of({busy, peer("msul2", PeerState::away)}));
  const std::string command =
      "promtool check metrics < '" + (directory / "metrics") + "' > '" + (directory / "said") + "' 2>&1";
  CHECK(std::system(command.c_str()) == 0);
  std::ifstream said(directory / "said");
  CHECK(std::string(std::istreambuf_iterator<char>(said), {}).empty());
}
