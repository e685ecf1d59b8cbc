// The values that determine how one peer is treated, with the defaults of the settings of the same names.
#pragma once

#include <lonc/core/base/types.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::core {

// A set of command words, as listed in a setting: "get, keys". Queried once per request.
class CommandSet {
 public:
  CommandSet() = default;

  // Words of letters, digits and '_', separated by commas or blanks. Nothing if `text` contains anything else.
  static std::optional<CommandSet> parse(std::string_view text);

  bool contains(std::string_view word) const;
  // In alphabetical order, "get, keys".
  std::string to_string() const;

  bool operator==(const CommandSet& other) const { return words_ == other.words_ || to_string() == other.to_string(); }

 private:
  using Words = std::vector<std::string>;

  std::uint64_t marks_ = 0;  // a bit for first byte and length of each; excludes most words not in the set
  std::shared_ptr<const Words> words_;  // sorted, unique; copies share it, as it is the same for thousands of peers
};

struct PeerSettings {
  std::string peer_id;  // host id of the peer, as in hosts.tab
  std::string own_id;   // host id of this server
  bool is_this_server = false;  // it has the address of this server, so it may answer with own_id

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
  std::size_t pipeline_depth = 64;  // requests in one batch; 1: one at a time and no fence after it
  // Only these commands are batched with others.
  CommandSet pipeline_safe =
      CommandSet::parse("chatretr, eget, get, home, idget, keys, load, ls, ls2, ping, restore, tmpget, userload")
          .value();
  Duration pipeline_trust = std::chrono::minutes{10};  // how long it gets one at a time after it spoke out of turn
  std::size_t max_queue = 10'000;               // requests waiting for a connection
  std::size_t max_line_length = default_line_limit;  // bytes, without line end
  unsigned max_attempts = 0;                    // consecutive failed attempts before giving up; 0: never

  Duration delayed_first = std::chrono::seconds{2};  // how long live requests wait for delayed ones; `max()`: for all
  Duration delayed_timeout = std::chrono::seconds{60};  // for the answer to a delayed message
  unsigned delayed_max_attempts = 5;  // consecutive failures before a message is quarantined

  bool operator==(const PeerSettings&) const = default;
};

}  // namespace lonc::core
