#include "status_document.hpp"

#include "exit_code.hpp"
#include "table.hpp"

#include <nlohmann/json.hpp>

namespace lonc::ctl {

namespace {

using nlohmann::json;

// A member, or null where there is none.
const json& member(const json& object, const char* name) {
  static const json none;
  if (!object.is_object()) return none;
  const auto found = object.find(name);
  return found == object.end() ? none : *found;
}

std::string text(const json& object, const char* name) {
  const json& value = member(object, name);
  return value.is_string() ? printable(value.get<std::string>()) : std::string{};
}

std::vector<std::string> texts(const json& object, const char* name) {
  std::vector<std::string> all;
  for (const json& value : member(object, name)) {
    if (value.is_string()) all.push_back(printable(value.get<std::string>()));
  }
  return all;
}

std::uint64_t number(const json& object, const char* name) {
  const json& value = member(object, name);
  return value.is_number_unsigned() ? value.get<std::uint64_t>() : 0;
}

std::optional<double> real(const json& object, const char* name) {
  const json& value = member(object, name);
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

std::optional<WallTime> time(const json& object, const char* name) { return parse_utc(text(object, name)); }

core::PeerCounters counts_of(const json& counters) {
  return {.requests = number(counters, "requests"),
          .replies = number(counters, "replies"),
          .con_lost = number(counters, "con_lost"),
          .errors = number(counters, "errors"),
          .timeouts = number(counters, "timeouts"),
          .attempts = number(counters, "attempts"),
          .failed_attempts = number(counters, "failed_attempts")};
}

PeerState peer_of(const json& peer) {
  const json& delayed = member(peer, "delayed");
  const json& round_trip = member(peer, "round_trip");
  return {.id = text(peer, "id"),
          .name = text(peer, "name"),
          .address = text(peer, "address"),
          .state = text(peer, "state"),
          .text = text(peer, "text"),
          .last_error = text(peer, "last_error"),
          .since = time(peer, "since"),
          .last_error_at = time(peer, "last_error_at"),
          .next_attempt = time(peer, "next_attempt"),
          .connections = number(peer, "connections"),
          .opening = number(peer, "opening"),
          .in_flight = number(peer, "in_flight"),
          .queued = number(peer, "queued"),
          .clients = number(peer, "clients"),
          .failed_in_a_row = number(peer, "failed_in_a_row"),
          .delayed_waiting = number(delayed, "waiting"),
          .delayed_delivered = number(delayed, "delivered"),
          .delayed_set_aside = number(delayed, "set_aside"),
          .round_trip_p50_ms = real(round_trip, "p50_ms"),
          .round_trip_p99_ms = real(round_trip, "p99_ms"),
          .counts = counts_of(member(peer, "counters"))};
}

DaemonState daemon_of(const json& daemon) {
  const json& delayed = member(daemon, "delayed");
  return {.host_id = text(daemon, "host_id"),
          .version = text(daemon, "program_version"),
          .text = text(daemon, "text"),
          .spool_trouble = text(delayed, "trouble"),
          .problems = texts(daemon, "problems"),
          .pid = number(daemon, "pid"),
          .started = time(daemon, "started"),
          .delayed_waiting = number(delayed, "waiting"),
          .quarantined = number(delayed, "quarantined"),
          .doubtful = number(delayed, "doubtful"),
          .for_unknown_hosts = number(delayed, "for_unknown_hosts")};
}

}  // namespace

StatusDocument parse_status(const std::string& document) {
  const json status = json::parse(document, nullptr, false);
  if (number(status, "version") != 1 || !member(status, "peers").is_array())
    throw Failure(ExitCode::failed,
                  "the status of lonc can not be understood; lonc and loncctl are of different "
                  "versions: restart lonc, or call the loncctl that came with it");
  StatusDocument result{.written = time(status, "written"), .daemon = daemon_of(member(status, "daemon")), .peers = {}};
  for (const json& peer : member(status, "peers")) result.peers.push_back(peer_of(peer));
  return result;
}

}  // namespace lonc::ctl
