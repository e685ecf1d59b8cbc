#include "json_writer.hpp"
#include "status_common.hpp"

#include <lonc/app/status_render.hpp>
#include <lonc/core/text.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace lonc::app {
namespace {

using Json = nlohmann::ordered_json;
using WallTime = std::chrono::system_clock::time_point;

// Null where there has been none.
Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json last_log_of(const std::string& text, WallTime time) {
  if (text.empty()) return nullptr;
  return {{"at", utc_text(time)}, {"text", text}};
}

// Bytes that are no UTF-8 must not cost the whole file.
std::string dumped(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

double seconds(core::Duration duration) { return std::chrono::duration<double>(duration).count(); }

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

// Microseconds are exact enough, and short.
double milliseconds(core::Duration duration) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count()) / 1000;
}

void put_time(JsonWriter& json, std::string_view name, const std::optional<WallTime>& time) {
  json.text_or_null(name, time ? utc_text(*time) : std::string());
}

void put_last_log(JsonWriter& json, const net::PeerReport& peer) {
  json.key("last_log");
  if (peer.last_log.empty()) return json.null();
  json.begin_object();
  json.member("at", utc_text(peer.last_log_at));
  json.member("text", last_message(peer));
  json.end_object();
}

void put_round_trip(JsonWriter& json, const core::RoundTrips& trips) {
  const std::uint64_t count = trips.count();
  const auto known = [count](core::Duration time) {
    return count > 0 ? std::optional(milliseconds(time)) : std::nullopt;
  };
  json.key("round_trip").begin_object();
  json.member("count", count);
  json.number_or_null("mean_ms", known(trips.mean()));
  json.number_or_null("p50_ms", known(trips.quantile(0.5)));
  json.number_or_null("p99_ms", known(trips.quantile(0.99)));
  json.end_object();
}

void put_delayed(JsonWriter& json, const net::PeerReport& peer, WallTime now) {
  const core::PeerStatus& status = peer.status;
  std::optional<double> age;
  if (peer.delayed_oldest_at)
    age = milliseconds(std::max(now, *peer.delayed_oldest_at) - *peer.delayed_oldest_at) / 1000;
  json.key("delayed").begin_object();
  json.member("waiting", status.delayed_waiting);
  json.number_or_null("oldest_age_s", age);
  json.member("quarantined", peer.delayed_quarantined);
  json.member("attempts", status.delayed_attempts);
  json.text_or_null("tried", core::escape_outside_text(status.delayed_tried));
  json.member("delivered", status.counters.delayed_delivered);
  json.member("failed", status.counters.delayed_failed);
  json.member("set_aside", status.counters.delayed_set_aside);
  json.end_object();
}

void put_counters(JsonWriter& json, const core::PeerCounters& counters) {
  json.key("counters").begin_object();
  json.member("requests", counters.requests);
  json.member("replies", counters.replies);
  json.member("con_lost", counters.con_lost);
  json.member("errors", counters.errors);
  json.member("timeouts", counters.timeouts);
  json.member("attempts", counters.attempts);
  json.member("failed_attempts", counters.failed_attempts);
  json.member("reconnects", counters.reconnects);
  json.member("out_of_turn", counters.out_of_turn);
  json.member("empty_lines", counters.empty_lines);
  json.member("bytes_sent", counters.bytes_sent);
  json.member("bytes_received", counters.bytes_received);
  json.end_object();
}

void put_peer(std::string& out, const net::PeerReport& peer, WallTime now) {
  const core::PeerStatus& status = peer.status;
  JsonWriter json(out);
  json.begin_object();
  json.member("id", status.peer_id);
  json.text_or_null("name", peer.name);
  json.text_or_null("address", peer.address);
  json.member("state", core::to_string(status.state));
  json.member("since", utc_text(peer.state_since));
  json.member("text", status.text);
  json.member("text_since", utc_text(peer.text_since));
  json.member("connections", status.connections);
  json.member("opening", status.opening);
  json.member("in_flight", status.in_flight);
  json.member("queued", status.queued);
  json.member("clients", peer.clients);
  json.member("failed_in_a_row", status.failed_in_a_row);
  put_time(json, "next_attempt", peer.next_attempt_at);
  json.text_or_null("last_error", status.last_error);
  put_time(json, "last_error_at", peer.last_error_at);
  put_last_log(json, peer);
  put_round_trip(json, status.round_trips);
  put_delayed(json, peer, now);
  put_counters(json, status.counters);
  json.end_object();
}

}  // namespace

std::string utc_text(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::milliseconds>(time - day));
  std::string text("0000-00-00T00:00:00.000Z");
  const auto put = [&text](std::size_t end, auto value) {
    for (auto rest = static_cast<unsigned long>(value); rest != 0; rest /= 10)
      text[--end] = static_cast<char>('0' + rest % 10);
  };
  put(4, static_cast<int>(date.year()));
  put(7, static_cast<unsigned>(date.month()));
  put(10, static_cast<unsigned>(date.day()));
  put(13, clock.hours().count());
  put(16, clock.minutes().count());
  put(19, clock.seconds().count());
  put(23, clock.subseconds().count());
  return text;
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
                    {"problems", escaped(parent.problems)},
                    {"interval_s", seconds(parent.interval)},
                    {"log_level", parent.log_level},
                    {"last_log", last_log_of(last_message(parent), parent.last_log_at)},
                    {"delayed", spool_of(parent.spool)},
                    {"history", history_of(parent.history)}}}};
  // A line for each peer.
  std::string out = dumped(head, 2);
  out.resize(out.size() - 2);  // its line end and brace
  out += ",\n  \"peers\": [";
  std::string_view separator = "\n    ";
  constexpr std::size_t usual_size = 1200;
  out.reserve(out.size() + peers.size() * usual_size);
  for (const net::PeerReport* peer : sorted_by_id(peers)) {
    out.append(std::exchange(separator, ",\n    "));
    put_peer(out, *peer, now);
  }
  return out.append(peers.empty() ? "]\n}\n" : "\n  ]\n}\n");
}

}  // namespace lonc::app
