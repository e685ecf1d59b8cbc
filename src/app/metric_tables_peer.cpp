#include "metric_tables.hpp"

#include <lonc/core/round_trips.hpp>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

namespace lonc::app {

namespace {

using net::PeerReport;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using WallTime = std::chrono::system_clock::time_point;

double seconds(core::Duration duration) { return std::chrono::duration<double>(duration).count(); }
double seconds_from(WallTime from, WallTime to) {
  return std::max(0.0, std::chrono::duration<double>(to - from).count());
}

class Table {
 public:
  template <typename Read>
  void gauge(const char* name, const char* help, Read read) {
    add(name, help, MetricType::Gauge, read);
  }
  template <typename Read>
  void counter(const char* name, const char* help, Read read) {
    add(name, help, MetricType::Counter, read);
  }

  // `read` gives one number for a report and the time of the snapshot.
  template <typename Read>
  void add(const char* name, const char* help, MetricType type, Read read) {
    families_.push_back(
        {.name = name, .help = help, .type = type, .read = [read](const auto& peer, auto now, auto& out) {
           out.push_back(static_cast<double>(read(peer, now)));
         }});
  }
  void add(PeerFamily family) { families_.push_back(std::move(family)); }

  std::vector<PeerFamily> take() { return std::move(families_); }

 private:
  std::vector<PeerFamily> families_;
};

void add_state(Table& table) {
  table.gauge("lonc_peer_up", "Whether at least one connection to the peer is ready",
              [](const PeerReport& peer, WallTime) { return peer.status.state == core::PeerState::up ? 1 : 0; });
  table.gauge("lonc_peer_state_changed_timestamp_seconds", "When the peer came into its present state, in Unix time",
              [](const PeerReport& peer, WallTime) { return seconds_from(WallTime{}, peer.state_since); });
  table.gauge("lonc_peer_backoff_seconds", "Time until the next attempt to connect, 0 if none is planned",
              [](const PeerReport& peer, WallTime now) {
                return peer.next_attempt_at ? seconds_from(now, *peer.next_attempt_at) : 0;
              });
  table.add({.name = "lonc_peer_connections",
             .help = "Connections to the peer's lond",
             .type = MetricType::Gauge,
             .label = "state",
             .label_values = {"open", "opening"},
             .read = [](const PeerReport& peer, WallTime, std::vector<double>& out) {
               out.push_back(static_cast<double>(peer.status.connections));
               out.push_back(static_cast<double>(peer.status.opening));
             }});
  table.counter("lonc_peer_connection_attempts_total", "Connections to the peer that were tried",
                [](const PeerReport& peer, WallTime) { return peer.status.counters.attempts; });
  table.counter("lonc_peer_connection_failures_total", "Attempts to connect that ended without a connection",
                [](const PeerReport& peer, WallTime) { return peer.status.counters.failed_attempts; });
  table.counter("lonc_peer_reconnects_total", "How often the peer was up again after all its connections were lost",
                [](const PeerReport& peer, WallTime) { return peer.status.counters.reconnects; });
  table.counter("lonc_peer_out_of_turn_total",
                "Connections that ended because the peer sent lines that were not asked for, or too few",
                [](const PeerReport& peer, WallTime) { return peer.status.counters.out_of_turn; });
  table.counter("lonc_peer_empty_lines_total", "Line ends that nobody had asked for, passed over",
                [](const PeerReport& peer, WallTime) { return peer.status.counters.empty_lines; });
}

void add_requests(Table& table) {
  table.gauge("lonc_peer_clients", "Local programs connected to the peer's socket",
              [](const PeerReport& peer, WallTime) { return peer.clients; });
  table.counter("lonc_peer_requests_total", "Requests taken from local programs",
                [](const PeerReport& peer, WallTime) { return peer.status.counters.requests; });
  table.add({.name = "lonc_peer_requests_answered_total",
             .help = "Requests answered, by what the answer was: the peer's reply, con_lost or error:",
             .type = MetricType::Counter,
             .label = "outcome",
             .label_values = {"reply", "con_lost", "error"},
             .read = [](const PeerReport& peer, WallTime, std::vector<double>& out) {
               const core::PeerCounters& counters = peer.status.counters;
               for (const std::uint64_t value : {counters.replies, counters.con_lost, counters.errors})
                 out.push_back(static_cast<double>(value));
             }});
  table.counter("lonc_peer_request_timeouts_total", "Requests that were not answered within request-timeout",
                [](const PeerReport& peer, WallTime) { return peer.status.counters.timeouts; });
  table.gauge("lonc_peer_requests_in_flight", "Requests that wait for the peer's answer",
              [](const PeerReport& peer, WallTime) { return peer.status.in_flight; });
  table.gauge("lonc_peer_requests_queued", "Requests that wait for a connection",
              [](const PeerReport& peer, WallTime) { return peer.status.queued; });
  table.add({.name = "lonc_peer_round_trip_seconds",
             .help = "Time from the writing of a request to the peer's answer",
             .type = MetricType::Histogram});
  table.counter("lonc_peer_sent_bytes_total", "Bytes of the lines sent to the peer, handshakes included",
                [](const PeerReport& peer, WallTime) { return peer.status.counters.bytes_sent; });
  table.counter("lonc_peer_received_bytes_total", "Bytes of the lines received from the peer",
                [](const PeerReport& peer, WallTime) { return peer.status.counters.bytes_received; });
}

void add_delayed(Table& table) {
  table.gauge("lonc_peer_delayed_waiting_messages", "Delayed messages on the disk for the peer",
              [](const PeerReport& peer, WallTime) { return peer.status.delayed_waiting; });
  table.gauge("lonc_peer_delayed_oldest_age_seconds", "Age of the oldest of them, 0 if there is none",
              [](const PeerReport& peer, WallTime now) {
                return peer.delayed_oldest_at ? seconds_from(*peer.delayed_oldest_at, now) : 0;
              });
  table.gauge("lonc_peer_delayed_quarantined_messages", "Delayed messages of the peer in the quarantine",
              [](const PeerReport& peer, WallTime) { return peer.delayed_quarantined; });
  table.counter("lonc_peer_delayed_delivered_total", "Delayed messages that the peer has taken",
                [](const PeerReport& peer, WallTime) { return peer.status.counters.delayed_delivered; });
  table.counter("lonc_peer_delayed_failures_total", "Sendings of delayed messages that brought no answer",
                [](const PeerReport& peer, WallTime) { return peer.status.counters.delayed_failed; });
  table.counter("lonc_peer_delayed_set_aside_total", "Delayed messages that were put into the quarantine",
                [](const PeerReport& peer, WallTime) { return peer.status.counters.delayed_set_aside; });
}

ClientMetric::Histogram histogram_of(const core::RoundTrips& trips) {
  ClientMetric::Histogram histogram;
  histogram.bucket.reserve(trips.counts().size());
  std::uint64_t count = 0;
  for (std::size_t i = 0; i != trips.counts().size(); ++i) {
    count += trips.counts()[i];
    const bool is_last = i == core::RoundTrips::bounds.size();
    histogram.bucket.push_back(
        {.cumulative_count = count,
         .upper_bound = is_last ? std::numeric_limits<double>::infinity() : seconds(core::RoundTrips::bounds[i])});
  }
  histogram.sample_count = count;
  histogram.sample_sum = seconds(trips.sum());
  return histogram;
}

}  // namespace

const std::vector<PeerFamily>& peer_families() {
  static const std::vector<PeerFamily> families = [] {
    Table table;
    add_state(table);
    add_requests(table);
    add_delayed(table);
    return table.take();
  }();
  return families;
}

MetricFamily collect(const PeerFamily& family, const Snapshot& snapshot) {
  MetricFamily result{family.name, family.help, family.type, {}};
  result.metric.reserve(snapshot.peers.size() * std::max<std::size_t>(1, family.label_values.size()));
  std::vector<double> values;
  for (const PeerReport& peer : snapshot.peers) {
    values.clear();
    if (family.read) family.read(peer, snapshot.at, values);
    for (std::size_t i = 0; i != std::max<std::size_t>(1, values.size()); ++i) {
      ClientMetric& metric = result.metric.emplace_back();
      metric.label.reserve(2);
      metric.label.push_back({"peer", peer.status.peer_id});
      if (!family.label.empty()) metric.label.push_back({family.label, family.label_values[i]});
      if (family.type == MetricType::Histogram) {
        metric.histogram = histogram_of(peer.status.round_trips);
      } else if (family.type == MetricType::Counter) {
        metric.counter.value = values[i];
      } else {
        metric.gauge.value = values[i];
      }
    }
  }
  return result;
}

}  // namespace lonc::app
