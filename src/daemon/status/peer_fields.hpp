// The single table of what is reported about a peer. The JSON of the status, the metrics, and the tables in their
// documentation (docs/status-json.md, docs/metrics.md) are generated from it. Pure functions.
#pragma once

#include <lonc/net/reports.hpp>

#include <prometheus/metric_type.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace lonc::daemon {

// A line of the log.
struct LogNote {
  std::chrono::system_clock::time_point at;
  std::string text;
};

// A missing value is null in the JSON, and 0 as a metric. As a metric, a time is in seconds of Unix time.
using FieldValue =
    std::variant<std::monostate, std::uint64_t, double, std::string, std::chrono::system_clock::time_point, LogNote>;

// How a field appears as a metric. Consecutive rows with the same name form one family, distinguished by a label.
struct FieldMetric {
  std::string_view name{};  // empty: not a metric
  prometheus::MetricType type = prometheus::MetricType::Gauge;
  std::string_view label{};  // besides `peer`
  std::string_view label_value{};
};

struct PeerField {
  std::string_view json;       // its place, "counters.requests"; empty: only a metric
  std::string_view meaning;    // for the documentation and the help of the metric
  // `now` is the time of the snapshot. Null for a histogram, which is built from the round trips.
  FieldValue (*read)(const net::PeerReport& peer, std::chrono::system_clock::time_point now);
  FieldMetric metric{};
  std::string_view null_when{};  // for the documentation
};

// In the order of the JSON.
std::span<const PeerField> peer_fields();

}  // namespace lonc::daemon
