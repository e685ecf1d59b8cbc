// The metrics of the daemon and its peers in the text format of Prometheus (docs/metrics.md). What peers count is
// taken from their reports when somebody asks, so that a request costs no more than the counting.
#pragma once

#include <lonc/app/status_board.hpp>

#include <prometheus/registry.h>

#include <string>

namespace lonc::app {

// Text 0.0.4: what is in the registry, then what the snapshot says.
std::string render_metrics(const prometheus::Registry& registry, const Snapshot& snapshot);

inline constexpr std::string_view metrics_type = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace lonc::app
