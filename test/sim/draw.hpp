// Random values that are the same for the same seed on every machine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace lonc::sim {

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : state_(seed) {}
  Draw(std::uint64_t seed, std::uint64_t stream) : state_(seed) { state_ ^= next() + stream * 0x9e3779b97f4a7c15U; }

  // SplitMix64.
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
  }
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
  std::size_t size(std::size_t least, std::size_t most) { return least + below(most - least + 1); }
  bool percent(std::uint64_t chance) { return below(100) < chance; }
  template <typename Value, std::size_t count>
  const Value& of(const std::array<Value, count>& values) {
    return values[below(count)];
  }

 private:
  std::uint64_t state_;
};

}  // namespace lonc::sim
