#include "daemon/status/metrics.hpp"

#include <lonc/core/engine/peer_status.hpp>
#include <lonc/node/config/command_line.hpp>

#include <prometheus/client_metric.h>
#include <prometheus/gauge.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <limits>
#include <sstream>
#include <utility>

namespace lonc::daemon {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using WallTime = std::chrono::system_clock::time_point;

constexpr std::chrono::seconds lag_interval{1};

double seconds(core::Duration duration) { return std::chrono::duration<double>(duration).count(); }

ClientMetric number(double value) {
  ClientMetric metric;
  metric.gauge.value = metric.counter.value = value;  // only that of the family's type is shown
  return metric;
}

MetricFamily gauge(const char* name, const char* help, auto value) {
  return {name, help, MetricType::Gauge, {number(static_cast<double>(value))}};
}

MetricFamily counter(const char* name, const char* help, std::uint64_t value) {
  return {name, help, MetricType::Counter, {number(static_cast<double>(value))}};
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

// The metrics that are not about a single peer.
std::vector<MetricFamily> daemon_families(const Snapshot& snapshot) {
  const DaemonReport& daemon = snapshot.daemon;
  const net::SpoolReport& spool = daemon.spool;
  return {
      gauge("lonc_ready", "Whether every socket listens and the daemon is not stopping", daemon.why_not_ready.empty()),
      peers_by_state(snapshot),
      counter("lonc_log_lines_dropped_total",
              "Log lines that were dropped because the disk was slow and the queue full", daemon.log_lines_dropped),
      gauge("lonc_spool_open", "Whether the directory of delayed messages is open", spool.is_open),
      gauge("lonc_spool_trouble", "Whether an error of its disk stops the delivery of delayed messages",
            !spool.trouble.empty()),
      gauge("lonc_spool_waiting_messages", "Delayed messages on the disk for known peers", spool.waiting),
      gauge("lonc_spool_quarantined_messages", "Files in the quarantine", spool.quarantined),
      gauge("lonc_spool_foreign_messages", "Delayed messages for hosts that are not in hosts.tab", spool.foreign),
      counter("lonc_spool_doubtful_messages_total", "Delayed messages that may have arrived twice",
              spool.doubtful_count),
  };
}

struct AsNumber {
  double operator()(std::uint64_t number) const { return static_cast<double>(number); }
  double operator()(double number) const { return number; }
  double operator()(WallTime time) const { return std::max(0.0, seconds(time.time_since_epoch())); }
  double operator()(const auto& /*null, or a text, which is no metric*/) const { return 0; }
};

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

ClientMetric metric_of(const PeerField& field, const net::PeerReport& peer, WallTime now) {
  const bool is_histogram = field.metric.type == MetricType::Histogram;
  ClientMetric metric = number(is_histogram ? 0 : std::visit(AsNumber(), field.read(peer, now)));
  if (is_histogram) metric.histogram = histogram_of(peer.status.round_trips);
  metric.label.reserve(2);
  metric.label.push_back({"peer", peer.status.peer_id});
  if (!field.metric.label.empty())
    metric.label.push_back({std::string(field.metric.label), std::string(field.metric.label_value)});
  return metric;
}

// A sentence without Markdown quotes.
std::string help_of(const PeerFamily& family) {
  std::string help = family.meaning();
  std::erase(help, '`');
  help.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(help.front())));
  return help;
}

}  // namespace

std::string PeerFamily::meaning() const {
  std::string text;
  if (fields.size() == 1) {
    const PeerField& field = fields.front();
    text.append(field.meaning);
    return field.null_when.empty() ? text : text.append("; 0 if ").append(field.null_when);
  }
  for (const PeerField& field : fields) {
    text += text.empty() ? "by `" + std::string(field.metric.label) + "`: `" : "; `";
    text.append(field.metric.label_value).append("`: ").append(field.meaning);
  }
  return text;
}

const std::vector<PeerFamily>& peer_families() {
  static const std::vector<PeerFamily> families = [] {
    std::vector<PeerFamily> found;
    const auto fields = peer_fields();
    for (auto first = fields.begin(); first != fields.end();) {
      const auto last = std::find_if(first, fields.end(),
                                     [&](const PeerField& field) { return field.metric.name != first->metric.name; });
      if (!first->metric.name.empty()) found.push_back({{first, last}});
      first = last;
    }
    return found;
  }();
  return families;
}

std::string render_metrics(const prometheus::Registry& registry, const Snapshot& snapshot) {
  constexpr std::size_t usual_size = 16 * 1024;
  constexpr std::size_t usual_size_of_peer = 3500;
  std::string room;
  room.reserve(usual_size + snapshot.peers.size() * usual_size_of_peer);
  std::ostringstream out(std::move(room));
  const prometheus::TextSerializer serializer;
  serializer.Serialize(out, registry.Collect());
  serializer.Serialize(out, daemon_families(snapshot));
  // One family at a time: all at once would take many times the memory of the text.
  for (const PeerFamily& family : peer_families()) {
    std::vector<MetricFamily> one{{std::string(family.name()), help_of(family), family.type(), {}}};
    one.front().metric.reserve(snapshot.peers.size() * family.fields.size());
    for (const net::PeerReport& peer : snapshot.peers)
      for (const PeerField& field : family.fields) one.front().metric.push_back(metric_of(field, peer, snapshot.at));
    serializer.Serialize(out, one);
  }
  return std::move(out).str();
}

ProcessMetrics::ProcessMetrics(const net::Strand& strand, std::chrono::system_clock::time_point started_at)
    : lag_(prometheus::BuildHistogram()
               .Name("lonc_loop_lag_seconds")
               .Help("Delay of a timer of the event loop, measured once a second")
               .Register(registry_)
               .Add({}, prometheus::Histogram::BucketBoundaries{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                                1, 2.5, 10})),
      timer_(strand) {
  prometheus::BuildGauge()
      .Name("lonc_build_info")
      .Help("1; the label version is the version of lonc")
      .Register(registry_)
      .Add({{"version", node::version}})
      .Set(1);
  prometheus::BuildGauge()
      .Name("process_start_time_seconds")
      .Help("When the process started, in Unix time")
      .Register(registry_)
      .Add({})
      .Set(std::chrono::duration<double>(started_at.time_since_epoch()).count());
}

void ProcessMetrics::stop() {
  is_stopped_ = true;
  timer_.cancel();
}

void ProcessMetrics::start() {
  timer_.expires_after(lag_interval);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || is_stopped_) return;
    lag_.Observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - timer_.expiry()).count());
    start();
  });
}

}  // namespace lonc::daemon
