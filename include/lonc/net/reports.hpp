// What status and metrics show: one peer, and the delayed messages of all peers.
#pragma once

#include <lonc/core/engine/peer_status.hpp>
#include <lonc/os/socket_file.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lonc::net {

// A peer as the status files show it: the engine's view, with wall-clock times and net's own counters.
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
  core::Severity last_log_severity = core::Severity::routine;
  WallTime last_log_at{};
  std::size_t clients = 0;  // local clients connected now
  std::uint64_t idle_clients_closed = 0;  // closed because places for clients ran short
  os::SocketLook socket;

  // From the spool (net::SpoolReport); a session does not fill it in.
  std::optional<WallTime> delayed_oldest_at;  // when the oldest delayed message was stored; no value if none waits
  std::size_t delayed_quarantined = 0;  // its messages in the quarantine
};

struct HostSpoolReport {
  std::optional<std::chrono::system_clock::time_point> oldest_at;  // when the oldest waiting message was stored
  std::size_t quarantined = 0;                                     // as of the last look
};

// What is known about the delayed messages of all peers. Counters run from the start, unless stated otherwise.
struct SpoolReport {
  using WallTime = std::chrono::system_clock::time_point;

  bool is_open = false;          // false: not yet, not possible (see `trouble`), or `is_locked`
  bool is_locked = false;        // another process works in the directory
  std::size_t waiting = 0;       // on the disk now, for all peers
  std::size_t quarantined = 0;   // in the quarantine now
  std::size_t foreign = 0;       // on the disk now, for hosts that are not in hosts.tab
  std::size_t strange = 0;       // on the disk now, under names that are not message names
  std::size_t set_aside = 0;
  std::size_t doubtful_count = 0;
  std::vector<std::string> doubtful;  // the latest names of messages that may have arrived twice
  std::string trouble;                // what is wrong with the disk, empty if nothing is
  std::string trouble_remedy;         // what an administrator can do about it
  WallTime trouble_since{};
  std::map<std::string, HostSpoolReport, std::less<>> hosts;  // only hosts with messages

  // What an administrator can do so that messages are sent again; empty if nothing is wrong.
  std::string remedy() const {
    if (!trouble.empty()) return trouble_remedy;
    return is_locked ? "another lonc or loncctl is working in the directory of delayed messages: end it, or wait until "
                       "it ends"
                     : "";
  }
};

}  // namespace lonc::net
