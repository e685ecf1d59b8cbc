// A peer as the status files show it: the engine's view, with wall-clock times and what net itself counts.
#pragma once

#include <lonc/core/peer_status.hpp>
#include <lonc/net/socket_file.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace lonc::net {

struct PeerReport {
  using WallTime = std::chrono::system_clock::time_point;

  core::PeerStatus status;
  std::string name;     // DNS name from hosts.tab
  std::string address;  // where the last attempt went, "192.0.2.7:5663"; empty if none was made
  WallTime state_since{};
  WallTime text_since{};
  std::optional<WallTime> last_error_at;
  std::optional<WallTime> next_attempt_at;
  std::string last_log;  // the message of the peer's last log line; empty if none
  core::Severity last_log_severity = core::Severity::notice;
  WallTime last_log_at{};
  std::size_t clients = 0;  // local clients connected now
  SocketLook socket;

  // What the spool knows (net::SpoolReport); a session does not fill it in.
  std::optional<WallTime> delayed_oldest_at;  // when the oldest delayed message was left; none waits if there is none
  std::size_t delayed_quarantined = 0;  // its messages in the quarantine
};

}  // namespace lonc::net
