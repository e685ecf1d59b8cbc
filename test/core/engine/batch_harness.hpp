// PeerEngine as in engine_harness.hpp, with batches.
#pragma once

#include "core/engine/engine_harness.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace lonc::core::test {

inline PeerSettings batched(std::size_t depth = 4, std::size_t connections = 1) {
  PeerSettings settings = EngineHarness::default_settings();
  settings.max_connections = connections;
  settings.pipeline_depth = depth;
  settings.pipeline_safe = *CommandSet::parse("get, keys, ls, x");
  return settings;
}

// Up, and the peer has answered enough batches correctly that the next may be as large as the settings allow.
class Proven : public EngineHarness {
 public:
  explicit Proven(const PeerSettings& settings = batched()) : EngineHarness(settings) {
    come_up();
    for (int round = 0; round != 40; ++round) {
      for (std::uint64_t client = 1; client <= settings.pipeline_depth + 1; ++client) ask(client, "get:warm");
      while (engine.status().in_flight != 0) answer_batch();
    }
    take();
    logs.clear();
  }
  // Answers each request in flight on connection 1 with "a", and the fence.
  void answer_batch() {
    std::vector<std::string_view> all(engine.status().in_flight, "a");
    all.emplace_back("msul3");
    lines(1, all);
  }
};

}  // namespace lonc::core::test
