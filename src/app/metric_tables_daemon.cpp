#include "metric_tables.hpp"

#include <array>
#include <cstddef>
#include <string_view>

namespace lonc::app {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily gauge(const char* name, const char* help, double value) {
  ClientMetric metric;
  metric.gauge.value = value;
  return {name, help, MetricType::Gauge, {metric}};
}

MetricFamily counter(const char* name, const char* help, double value) {
  ClientMetric metric;
  metric.counter.value = value;
  return {name, help, MetricType::Counter, {metric}};
}

MetricFamily peers_by_state(const Snapshot& snapshot) {
  using core::PeerState;
  constexpr std::array states{PeerState::starting, PeerState::up,       PeerState::away,   PeerState::given_up,
                              PeerState::paused,   PeerState::draining, PeerState::stopped};
  MetricFamily family{"lonc_peers", "Peers by their state", MetricType::Gauge, {}};
  for (const PeerState state : states) {
    ClientMetric metric;
    metric.label = {{"state", std::string(core::to_string(state))}};
    for (const net::PeerReport& peer : snapshot.peers) metric.gauge.value += peer.status.state == state ? 1 : 0;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

}  // namespace

std::vector<MetricFamily> daemon_families(const Snapshot& snapshot) {
  const ParentReport& parent = snapshot.parent;
  const net::SpoolReport& spool = parent.spool;
  const auto number = [](auto value) { return static_cast<double>(value); };
  return {
      gauge("lonc_ready", "Whether every socket listens and the daemon is not stopping", parent.is_ready ? 1 : 0),
      peers_by_state(snapshot),
      counter("lonc_log_lines_dropped_total", "Log lines that found no room because the disk was slow",
              number(parent.log_lines_dropped)),
      gauge("lonc_spool_open", "Whether the directory of delayed messages is open", spool.is_open ? 1 : 0),
      gauge("lonc_spool_trouble", "Whether something is wrong with its disk, so that no delayed message is sent",
            spool.trouble.empty() ? 0 : 1),
      gauge("lonc_spool_waiting_messages", "Delayed messages on the disk for known peers", number(spool.waiting)),
      gauge("lonc_spool_quarantined_messages", "Files in the quarantine", number(spool.quarantined)),
      gauge("lonc_spool_foreign_messages", "Delayed messages for hosts that are not in hosts.tab",
            number(spool.foreign)),
      counter("lonc_spool_doubtful_messages_total", "Delayed messages that may have arrived twice",
              number(spool.doubtful_count)),
  };
}

}  // namespace lonc::app
