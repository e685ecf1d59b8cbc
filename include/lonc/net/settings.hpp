// What can be set in this library. node::Settings contains these structs.
#pragma once

#include <lonc/core/base/types.hpp>
#include <lonc/core/engine/peer_settings.hpp>
#include <lonc/core/spool/delayed_message.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace lonc::net {

// How a lond connection detects that the path has gone silent.
struct KeepAlive {
  core::Duration idle = std::chrono::seconds{60};      // idle time before the first probe
  core::Duration interval = std::chrono::seconds{10};  // between probes
  unsigned count = 3;                                  // unanswered probes that end the connection
  core::Duration user_timeout = std::chrono::seconds{30};  // unacknowledged data for this long ends it, too

  bool operator==(const KeepAlive&) const = default;
};

// The configuration of one peer's session. In node::Settings the same struct holds the values for all peers.
struct PeerConfig {
  core::PeerSettings engine;
  std::string name;           // DNS name; resolved at each attempt if `address` is empty
  std::string address;        // numeric
  std::uint16_t port = 5663;  // of its lond
  core::Duration resolve_timeout = std::chrono::seconds{5};
  core::Duration look_again = std::chrono::minutes{3};  // on average; how often a connected peer's name is looked up
  KeepAlive keep_alive;
  std::string socket_path;
  unsigned socket_mode = 0600;
  std::string socket_group;  // empty: the process's own

  // True if connections lead to a different place than with `before`.
  bool has_moved(const PeerConfig& before) const {
    return address != before.address || port != before.port || (address.empty() && name != before.name);
  }
  bool operator==(const PeerConfig&) const = default;
};

// The settings of delayed messages that may change while Spooler runs.
struct DelayedSettings {
  core::SpoolOptions spool;
  core::Duration rescan = std::chrono::minutes{1};  // finds what inotify has missed

  bool operator==(const DelayedSettings&) const = default;
};

}  // namespace lonc::net
