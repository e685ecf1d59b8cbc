// The values that decide how one peer is treated. Defaults are those of docs: lonc.conf(5).
#pragma once

#include <lonc/core/command_set.hpp>
#include <lonc/core/types.hpp>

#include <chrono>
#include <cstddef>
#include <string>

namespace lonc::core {

struct PeerSettings {
  std::string peer_id;  // host id of the peer, as in hosts.tab
  std::string own_id;   // host id of this server
  bool is_this_server = false;  // its address is that of this server, so it may answer with own_id

  Duration connect_wait = std::chrono::seconds{5};
  Duration connect_timeout = std::chrono::seconds{10};
  Duration pong_timeout = std::chrono::seconds{60};
  Duration request_timeout = std::chrono::seconds{300};
  Duration idle_timeout = std::chrono::seconds{60};
  Duration exit_timeout = std::chrono::seconds{2};
  Duration backoff_first = std::chrono::seconds{1};
  Duration backoff_longest = std::chrono::seconds{60};

  std::size_t min_connections = 1;
  std::size_t max_connections = 10;
  std::size_t pipeline_depth = 1;               // requests in one batch; 1: one at a time, and no fence behind it
  CommandSet pipeline_safe;                     // only these go together with others
  Duration pipeline_trust = std::chrono::minutes{10};  // after it spoke out of turn: one at a time for so long
  std::size_t max_queue = 10'000;               // requests that wait for a connection
  std::size_t max_line_length = 16 * 1024 * 1024;  // bytes, without line end
  unsigned max_attempts = 0;                    // failed attempts in a row before giving up; 0: never

  Duration delayed_first = std::chrono::seconds{2};     // live requests wait for delayed ones; `max()`: for all
  Duration delayed_timeout = std::chrono::seconds{60};  // for the answer to a delayed message
  unsigned delayed_max_attempts = 5;                    // failures in a row before a message is set aside

  bool operator==(const PeerSettings&) const = default;
};

}  // namespace lonc::core
