// The metrics of the daemon and its peers in the text format of Prometheus (docs/metrics.md). The peers' counters are
// read from their reports on demand, so that the relay of a request costs no more than the counting itself.
#pragma once

#include "daemon/status/peer_fields.hpp"
#include "daemon/status/snapshot.hpp"

#include <lonc/net/socket/executor.hpp>

#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::daemon {

inline constexpr std::string_view metrics_type = "text/plain; version=0.0.4; charset=utf-8";

// A metric that each peer has: the rows with its name in the table of fields.
struct PeerFamily {
  std::span<const PeerField> fields;

  std::string_view name() const { return fields.front().metric.name; }
  prometheus::MetricType type() const { return fields.front().metric.type; }
  // Uses Markdown quotes. For several fields: what each value of the label means.
  std::string meaning() const;
};

const std::vector<PeerFamily>& peer_families();

// Format 0.0.4: the metrics in the registry, then those from the snapshot. Any thread.
std::string render_metrics(const prometheus::Registry& registry, const Snapshot& snapshot);

// Metrics of the process itself that do not come from the peers: its build, its start time, and the lag of the event
// loop. Lives on `strand`.
class ProcessMetrics {
 public:
  ProcessMetrics(const net::Strand& strand, std::chrono::system_clock::time_point started_at);

  // Start and stop the measurement of the loop's lag.
  void start();
  void stop();

  // Any thread.
  const prometheus::Registry& registry() const { return registry_; }

 private:
  prometheus::Registry registry_;
  prometheus::Histogram& lag_;
  net::Timer timer_;
  bool is_stopped_ = false;
};

}  // namespace lonc::daemon
