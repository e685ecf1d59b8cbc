// Which metrics there are, with name, help and where each value comes from.
#pragma once

#include <lonc/app/status_board.hpp>

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>

#include <functional>
#include <string>
#include <vector>

namespace lonc::app {

// One metric of each peer.
struct PeerFamily {
  std::string name;
  std::string help;
  prometheus::MetricType type;
  std::string label{};                                 // besides `peer`; empty if there is none
  std::vector<std::string> label_values{};             // the samples of a peer, in the order of `values`
  std::function<void(const net::PeerReport&, std::chrono::system_clock::time_point now, std::vector<double>& values)>
      read{};  // not of a histogram
};

const std::vector<PeerFamily>& peer_families();
prometheus::MetricFamily collect(const PeerFamily& family, const Snapshot& snapshot);

// Those that are not about a single peer.
std::vector<prometheus::MetricFamily> daemon_families(const Snapshot& snapshot);

}  // namespace lonc::app
