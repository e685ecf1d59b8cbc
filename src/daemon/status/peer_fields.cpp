#include "daemon/status/peer_fields.hpp"

#include <lonc/core/base/text.hpp>
#include <lonc/node/log/log_line.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <optional>
#include <utility>

namespace lonc::daemon {
namespace {

using core::PeerCounters;
using core::PeerStatus;
using net::PeerReport;
using prometheus::MetricType;
using WallTime = std::chrono::system_clock::time_point;

FieldValue value(std::integral auto number) { return static_cast<std::uint64_t>(number); }
FieldValue value(std::string text) { return text; }
FieldValue value(WallTime time) { return time; }
FieldValue value(const std::optional<WallTime>& time) { return time ? FieldValue(*time) : FieldValue(); }
FieldValue text_or_null(std::string text) { return text.empty() ? FieldValue() : FieldValue(std::move(text)); }

// `member` belongs to the report, its status, or its counters.
template <auto member>
const auto& member_of(const PeerReport& peer) {
  if constexpr (requires { peer.*member; })
    return peer.*member;
  else if constexpr (requires { peer.status.*member; })
    return peer.status.*member;
  else
    return peer.status.counters.*member;
}
template <auto member>
FieldValue read(const PeerReport& peer, WallTime) {
  return value(member_of<member>(peer));
}
template <auto member>
FieldValue read_text_or_null(const PeerReport& peer, WallTime) {
  return text_or_null(member_of<member>(peer));
}

// Microseconds are precise enough, and short.
double milliseconds(core::Duration duration) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count()) / 1000;
}
double seconds_between(WallTime from, WallTime to) { return milliseconds(std::max(from, to) - from) / 1000; }

FieldValue state(const PeerReport& peer, WallTime) { return std::string(core::to_string(peer.status.state)); }
FieldValue is_up(const PeerReport& peer, WallTime) { return value(peer.status.state == core::PeerState::up ? 1 : 0); }
FieldValue backoff(const PeerReport& peer, WallTime now) {
  return peer.next_attempt_at ? seconds_between(now, *peer.next_attempt_at) : FieldValue();
}
FieldValue last_error(const PeerReport& peer, WallTime) { return text_or_null(peer.status.last_error.text()); }
FieldValue last_log(const PeerReport& peer, WallTime) {
  if (peer.last_log.empty()) return {};
  return LogNote{peer.last_log_at, std::string(node::severity_prefix(peer.last_log_severity)) + peer.last_log};
}
FieldValue round_trips(const PeerReport& peer, WallTime) { return value(peer.status.round_trips.count()); }
FieldValue mean_round_trip(const PeerReport& peer, WallTime) {
  const core::RoundTrips& trips = peer.status.round_trips;
  return trips.count() > 0 ? FieldValue(milliseconds(trips.mean())) : FieldValue();
}
template <int percent>
FieldValue round_trip_quantile(const PeerReport& peer, WallTime) {
  const core::RoundTrips& trips = peer.status.round_trips;
  return trips.count() > 0 ? FieldValue(milliseconds(trips.quantile(percent / 100.0))) : FieldValue();
}
FieldValue delayed_age(const PeerReport& peer, WallTime now) {
  return peer.delayed_oldest_at ? seconds_between(*peer.delayed_oldest_at, now) : FieldValue();
}
FieldValue delayed_tried(const PeerReport& peer, WallTime) {
  return text_or_null(core::escape_outside_text(peer.status.delayed_tried));
}

constexpr FieldMetric gauge(std::string_view name) { return {.name = name}; }
constexpr FieldMetric counter(std::string_view name) { return {.name = name, .type = MetricType::Counter}; }
constexpr FieldMetric connections(std::string_view state) {
  return {"lonc_peer_connections", MetricType::Gauge, "state", state};
}
constexpr FieldMetric answered(std::string_view outcome) {
  return {"lonc_peer_requests_answered_total", MetricType::Counter, "outcome", outcome};
}
constexpr FieldMetric histogram(std::string_view name) { return {.name = name, .type = MetricType::Histogram}; }

constexpr FieldMetric none;
constexpr auto table = std::to_array<PeerField>({
    {"id", "host id from hosts.tab; peers are sorted by it", read<&PeerStatus::peer_id>},
    {"name", "DNS name from hosts.tab", read_text_or_null<&PeerReport::name>, none, "hosts.tab has none"},
    {"address", "address of the last attempt to connect", read_text_or_null<&PeerReport::address>, none,
     "no attempt was made"},
    {"state", "`starting`, `up`, `away`, `given_up`, `drained` (by an administrator), `draining`, `stopped`", state},
    {"", "1 if at least one connection to the peer is ready", is_up, gauge("lonc_peer_up")},
    {"since", "when the peer entered its present state", read<&PeerReport::state_since>,
     gauge("lonc_peer_state_changed_timestamp_seconds")},
    {"text", "the state for people", read<&PeerStatus::text>},
    {"text_since", "when this text was set", read<&PeerReport::text_since>},
    {"connections", "connections to the peer's lond that are ready", read<&PeerStatus::connections>,
     connections("open")},
    {"opening", "connections to the peer's lond that are being opened", read<&PeerStatus::opening>,
     connections("opening")},
    {"in_flight", "requests that wait for the peer's answer", read<&PeerStatus::in_flight>,
     gauge("lonc_peer_requests_in_flight")},
    {"queued", "requests that wait for a connection", read<&PeerStatus::queued>, gauge("lonc_peer_requests_queued")},
    {"clients", "local programs connected to the peer's socket", read<&PeerReport::clients>,
     gauge("lonc_peer_clients")},
    {"idle_clients_closed", "local programs disconnected because they were idle when places ran short (`max-clients`)",
     read<&PeerReport::idle_clients_closed>, counter("lonc_peer_idle_clients_closed_total")},
    {"failed_in_a_row", "failed attempts to connect in a row", read<&PeerStatus::failed_in_a_row>},
    {"next_attempt", "when the next attempt to connect is due", read<&PeerReport::next_attempt_at>, none,
     "none is planned"},
    {"", "seconds until the next attempt to connect", backoff, gauge("lonc_peer_backoff_seconds"), "none is planned"},
    {"last_error", "the last error", last_error, none, "there was none"},
    {"last_error_at", "the time of the last error", read<&PeerReport::last_error_at>, none, "there was none"},
    {"remedy", "what an administrator can do about its present state", read_text_or_null<&PeerStatus::remedy>, none,
     "there is nothing to do"},
    {"last_log", "its last log message, except debug messages, with `at` and `text`", last_log, none, "there is none"},
    {"round_trip.count", "answers of the peer to requests of clients", round_trips},
    {"round_trip.mean_ms", "the mean time from the writing of a request to its answer", mean_round_trip, none,
     "`count` is 0"},
    {"round_trip.p50_ms",
     "the median of these times, estimated from the buckets of the metric `lonc_peer_round_trip_seconds`",
     round_trip_quantile<50>, none, "`count` is 0"},
    {"round_trip.p99_ms", "the 99th percentile of these times, estimated likewise", round_trip_quantile<99>, none,
     "`count` is 0"},
    {"", "time from the writing of a request to its answer, without delayed messages", nullptr,
     histogram("lonc_peer_round_trip_seconds")},
    {"delayed.waiting", "delayed messages on the disk for the peer, as last reported by the spool",
     read<&PeerStatus::delayed_waiting>, gauge("lonc_peer_delayed_waiting_messages")},
    {"delayed.oldest_age_s", "seconds since the oldest delayed message for the peer was left, according to its name",
     delayed_age, gauge("lonc_peer_delayed_oldest_age_seconds"), "none waits"},
    {"delayed.quarantined", "messages for the peer in the quarantine at the last scan (`delayed-rescan`)",
     read<&PeerReport::delayed_quarantined>, gauge("lonc_peer_delayed_quarantined_messages")},
    {"delayed.attempts",
     "failed attempts in a row to deliver the oldest delayed message; the latest failure may not be counted yet",
     read<&PeerStatus::delayed_attempts>},
    {"delayed.tried", "the name of that message", delayed_tried, none, "it has not failed"},
    {"delayed.delivered", "delayed messages that the peer has accepted", read<&PeerCounters::delayed_delivered>,
     counter("lonc_peer_delayed_delivered_total")},
    {"delayed.failed", "failed attempts to deliver a delayed message", read<&PeerCounters::delayed_failed>,
     counter("lonc_peer_delayed_failures_total")},
    {"delayed.set_aside", "delayed messages that were quarantined after they had been sent",
     read<&PeerCounters::delayed_set_aside>, counter("lonc_peer_delayed_set_aside_total")},
    {"counters.requests", "requests received from local programs", read<&PeerCounters::requests>,
     counter("lonc_peer_requests_total")},
    {"counters.replies", "requests answered with the peer's answer", read<&PeerCounters::replies>, answered("reply")},
    {"counters.con_lost", "requests answered `con_lost`", read<&PeerCounters::con_lost>, answered("con_lost")},
    {"counters.errors", "requests answered `error:`", read<&PeerCounters::errors>, answered("error")},
    {"counters.timeouts", "requests that were not answered within `request-timeout`; they also count as `con_lost`",
     read<&PeerCounters::timeouts>, counter("lonc_peer_request_timeouts_total")},
    {"counters.attempts", "attempts to connect", read<&PeerCounters::attempts>,
     counter("lonc_peer_connection_attempts_total")},
    {"counters.failed_attempts", "failed attempts to connect", read<&PeerCounters::failed_attempts>,
     counter("lonc_peer_connection_failures_total")},
    {"counters.reconnects", "how often the peer came up again after all its connections were lost",
     read<&PeerCounters::reconnects>, counter("lonc_peer_reconnects_total")},
    {"counters.out_of_turn", "connections closed because the peer sent unsolicited lines, or too few",
     read<&PeerCounters::out_of_turn>, counter("lonc_peer_out_of_turn_total")},
    {"counters.empty_lines", "unsolicited empty lines, ignored", read<&PeerCounters::empty_lines>,
     counter("lonc_peer_empty_lines_total")},
    {"counters.bytes_sent", "bytes of the lines sent to the peer, handshakes included", read<&PeerCounters::bytes_sent>,
     counter("lonc_peer_sent_bytes_total")},
    {"counters.bytes_received", "bytes of the lines received from the peer, handshakes included",
     read<&PeerCounters::bytes_received>, counter("lonc_peer_received_bytes_total")},
});

}  // namespace

std::span<const PeerField> peer_fields() { return table; }

}  // namespace lonc::daemon
