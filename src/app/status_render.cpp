#include <lonc/app/status_render.hpp>

#include <lonc/app/log_line.hpp>
#include <lonc/core/text.hpp>
#include <lonc/net/local_time.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string_view>
#include <utility>

namespace lonc::app {
namespace {

using Json = nlohmann::ordered_json;
using WallTime = std::chrono::system_clock::time_point;

// Ten thousand reports are not copied for that.
std::vector<const net::PeerReport*> sorted_by_id(const std::vector<net::PeerReport>& peers) {
  std::vector<const net::PeerReport*> sorted;
  sorted.reserve(peers.size());
  for (const net::PeerReport& peer : peers) sorted.push_back(&peer);
  std::ranges::sort(sorted, {}, [](const net::PeerReport* peer) { return std::string_view(peer->status.peer_id); });
  return sorted;
}

// "LOCALTIME: TEXT", empty if there is no text.
void append_timed(std::string& out, WallTime time, std::string_view text) {
  if (text.empty()) return;
  net::append_local_time(out, time);
  out += ": ";
  append_one_line(out, text);
}

// As it stands in the log, where WARNING and its like are part of the message.
template <typename Report>
std::string last_message(const Report& report) {
  if (report.last_log.empty()) return {};
  return std::string(severity_prefix(report.last_log_severity)) + report.last_log;
}

struct TextLine {
  std::string_view server;
  std::string text;
  WallTime text_since;
  std::string last_log;
  WallTime last_log_at;
};

void append_status_line(std::string& out, pid_t pid, const TextLine& line) {
  out += std::to_string(pid);
  out += '\t';
  append_one_line(out, line.server);
  out += '\t';
  append_timed(out, line.text_since, line.text);
  out += '\t';
  append_timed(out, line.last_log_at, line.last_log);
  out += '\n';
}

Json time_or_null(const std::optional<WallTime>& time) { return time ? Json(utc_text(*time)) : Json(nullptr); }

// Null where there has been none.
Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json last_log_of(const std::string& text, WallTime time) {
  if (text.empty()) return nullptr;
  return {{"at", utc_text(time)}, {"text", text}};
}

Json counters_of(const core::PeerCounters& counters) {
  return {{"requests", counters.requests},
          {"replies", counters.replies},
          {"con_lost", counters.con_lost},
          {"errors", counters.errors},
          {"timeouts", counters.timeouts},
          {"attempts", counters.attempts},
          {"failed_attempts", counters.failed_attempts},
          {"reconnects", counters.reconnects},
          {"bytes_sent", counters.bytes_sent},
          {"bytes_received", counters.bytes_received}};
}

// Bytes that are no UTF-8 must not cost the whole file.
std::string dumped(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

double seconds(core::Duration duration) { return std::chrono::duration<double>(duration).count(); }

// Microseconds are exact enough, and short.
double milliseconds(core::Duration duration) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count()) / 1000;
}

Json round_trip_of(const core::RoundTrips& trips) {
  if (trips.count() == 0) return {{"count", 0}, {"mean_ms", nullptr}, {"p50_ms", nullptr}, {"p99_ms", nullptr}};
  return {{"count", trips.count()},
          {"mean_ms", milliseconds(trips.mean())},
          {"p50_ms", milliseconds(trips.quantile(0.5))},
          {"p99_ms", milliseconds(trips.quantile(0.99))}};
}

Json history_of(const std::vector<HistorySample>& samples) {
  Json list = Json::array();
  for (const HistorySample& sample : samples)
    list.push_back({{"at", utc_text(sample.at)},
                    {"up", sample.up},
                    {"down", sample.down},
                    {"requests", sample.requests},
                    {"replies", sample.replies},
                    {"con_lost", sample.con_lost},
                    {"errors", sample.errors},
                    {"timeouts", sample.timeouts},
                    {"delayed_waiting", sample.delayed_waiting}});
  return list;
}

Json age_or_null(const std::optional<WallTime>& time, WallTime now) {
  if (!time) return nullptr;
  return static_cast<double>(
             std::chrono::duration_cast<std::chrono::milliseconds>(std::max(now, *time) - *time).count()) /
         1000;
}

Json delayed_of(const net::PeerReport& peer, WallTime now) {
  const core::PeerStatus& status = peer.status;
  return {{"waiting", status.delayed_waiting},
          {"oldest_age_s", age_or_null(peer.delayed_oldest_at, now)},
          {"quarantined", peer.delayed_quarantined},
          {"attempts", status.delayed_attempts},
          {"tried", text_or_null(core::escape_outside_text(status.delayed_tried))},
          {"delivered", status.counters.delayed_delivered},
          {"failed", status.counters.delayed_failed},
          {"set_aside", status.counters.delayed_set_aside}};
}

Json escaped(const std::vector<std::string>& names) {
  Json list = Json::array();
  for (const std::string& name : names) list.push_back(core::escape_outside_text(name));
  return list;
}

Json spool_of(const net::SpoolReport& spool) {
  return {{"open", spool.is_open},
          {"waiting", spool.waiting},
          {"quarantined", spool.quarantined},
          {"for_unknown_hosts", spool.foreign},
          {"other_files", spool.strange},
          {"doubtful", spool.doubtful_count},
          {"doubtful_names", escaped(spool.doubtful)},
          {"trouble", text_or_null(spool.trouble)},
          {"trouble_since", spool.trouble.empty() ? Json(nullptr) : Json(utc_text(spool.trouble_since))}};
}

// What the daemon is doing, and what is wrong with it.
std::string parent_text(const ParentReport& parent) {
  std::string text = parent.text;
  const net::SpoolReport& spool = parent.spool;
  if (!spool.trouble.empty())
    text += "; delayed messages are not sent since " + net::local_time_text(spool.trouble_since) + ": " + spool.trouble;
  if (spool.doubtful_count > 0)
    text += "; " + std::to_string(spool.doubtful_count) +
            " delayed messages may have arrived twice, the last of them " +
            core::escape_outside_text(spool.doubtful.back());
  return text;
}

Json peer_of(const net::PeerReport& peer, WallTime now) {
  const core::PeerStatus& status = peer.status;
  return {{"id", status.peer_id},
          {"name", text_or_null(peer.name)},
          {"address", text_or_null(peer.address)},
          {"state", std::string{core::to_string(status.state)}},
          {"since", utc_text(peer.state_since)},
          {"text", status.text},
          {"text_since", utc_text(peer.text_since)},
          {"connections", status.connections},
          {"opening", status.opening},
          {"in_flight", status.in_flight},
          {"queued", status.queued},
          {"clients", peer.clients},
          {"failed_in_a_row", status.failed_in_a_row},
          {"next_attempt", time_or_null(peer.next_attempt_at)},
          {"last_error", text_or_null(status.last_error)},
          {"last_error_at", time_or_null(peer.last_error_at)},
          {"last_log", last_log_of(last_message(peer), peer.last_log_at)},
          {"round_trip", round_trip_of(status.round_trips)},
          {"delayed", delayed_of(peer, now)},
          {"counters", counters_of(status.counters)}};
}

}  // namespace

std::string utc_text(WallTime time) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  const auto millisecond = std::chrono::floor<std::chrono::milliseconds>(time - second);
  const auto since_epoch = static_cast<std::time_t>(second.time_since_epoch().count());
  std::tm fields{};
  gmtime_r(&since_epoch, &fields);
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", fields.tm_year + 1900,
                                 fields.tm_mon + 1, fields.tm_mday, fields.tm_hour, fields.tm_min, fields.tm_sec,
                                 static_cast<int>(millisecond.count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string render_status_text(const ParentReport& parent, const std::vector<net::PeerReport>& peers, WallTime now) {
  std::string out = "LONC status ";
  net::append_local_time(out, now);
  out += " - parent " + std::to_string(parent.pid) + "\n\n";
  append_status_line(out, parent.pid,
                     {"PARENT", parent_text(parent), parent.text_since, last_message(parent), parent.last_log_at});
  for (const net::PeerReport* peer : sorted_by_id(peers)) {
    append_status_line(
        out, parent.pid,
        {peer->status.peer_id, peer->status.text, peer->text_since, last_message(*peer), peer->last_log_at});
  }
  return out;
}

std::string render_status_json(const ParentReport& parent, const std::vector<net::PeerReport>& peers, WallTime now) {
  const Json head{{"version", 1},
                  {"written", utc_text(now)},
                  {"daemon",
                   {{"host_id", parent.host_id},
                    {"pid", parent.pid},
                    {"program_version", parent.version},
                    {"started", utc_text(parent.started_at)},
                    {"text", parent.text},
                    {"text_since", utc_text(parent.text_since)},
                    {"ready", parent.is_ready},
                    {"interval_s", seconds(parent.interval)},
                    {"log_level", parent.log_level},
                    {"last_log", last_log_of(last_message(parent), parent.last_log_at)},
                    {"delayed", spool_of(parent.spool)},
                    {"history", history_of(parent.history)}}}};
  // One document for each peer, a line each: one for all of ten thousand would take many times its text in memory.
  std::string out = dumped(head, 2);
  out.resize(out.size() - 2);  // its line end and brace
  out += ",\n  \"peers\": [";
  std::string_view separator = "\n    ";
  constexpr std::size_t usual_size = 1024;
  out.reserve(out.size() + peers.size() * usual_size);
  for (const net::PeerReport* peer : sorted_by_id(peers))
    out.append(std::exchange(separator, ",\n    ")).append(dumped(peer_of(*peer, now), -1));
  return out.append(peers.empty() ? "]\n}\n" : "\n  ]\n}\n");
}

}  // namespace lonc::app
