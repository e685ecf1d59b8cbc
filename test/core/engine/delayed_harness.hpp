// PeerEngine as in engine_harness.hpp, with delayed messages.
#pragma once

#include "core/engine/engine_harness.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

namespace lonc::core::test {

// Up, with nothing on the disk; from here on the test plays the role of the spool.
struct Spooled : EngineHarness {
  explicit Spooled(PeerSettings settings = default_settings()) : EngineHarness(std::move(settings)) {
    come_up();
    has_spool = true;
  }
  // How many log lines say that the message is sent again.
  auto count_repetitions(const std::string& name) const {
    return std::ranges::count_if(logs,
                                 [&](const std::string& log) { return log.ends_with("; " + name + " is sent again"); });
  }
  // Two connections to one peer, the second one opened explicitly.
  void lose_and_come_up(std::uint64_t connection) {
    closed(connection);
    advance(1s);
    handshake(connection + 1);
  }
};

inline PeerSettings with(void (*change)(PeerSettings&)) {
  PeerSettings settings = EngineHarness::default_settings();
  settings.max_connections = 1;
  change(settings);
  return settings;
}

}  // namespace lonc::core::test
