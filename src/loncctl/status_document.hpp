// The status of a daemon as loncctl uses it, read from its JSON (docs/status-json.md).
#pragma once

#include "age.hpp"

#include <lonc/core/peer_status.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lonc::ctl {

struct PeerState {
  std::string id;
  std::string name;     // empty if there is none, as in the texts below
  std::string address;
  std::string state;
  std::string text;
  std::string last_error;
  std::optional<WallTime> since;
  std::optional<WallTime> last_error_at;
  std::optional<WallTime> next_attempt;
  std::uint64_t connections = 0;
  std::uint64_t opening = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t queued = 0;
  std::uint64_t clients = 0;
  std::uint64_t failed_in_a_row = 0;
  std::uint64_t delayed_waiting = 0;
  std::uint64_t delayed_delivered = 0;
  std::uint64_t delayed_set_aside = 0;
  std::optional<double> round_trip_p50_ms;
  std::optional<double> round_trip_p99_ms;
  core::PeerCounters counts;
};

struct DaemonState {
  std::string host_id;
  std::string version;
  std::string text;
  std::string spool_trouble;  // empty if there is none
  std::vector<std::string> problems;
  std::uint64_t pid = 0;
  std::optional<WallTime> started;
  std::uint64_t delayed_waiting = 0;
  std::uint64_t quarantined = 0;
  std::uint64_t doubtful = 0;
  std::uint64_t for_unknown_hosts = 0;
};

struct StatusDocument {
  std::optional<WallTime> written;
  DaemonState daemon;
  std::vector<PeerState> peers;
};

// Members that are not there are left as they are above. Texts hold only what a terminal can show. Throws Failure if
// it is not a status of version 1.
StatusDocument parse_status(const std::string& json);

}  // namespace lonc::ctl
