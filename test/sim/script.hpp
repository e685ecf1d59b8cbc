// What happens in the world of a seed, drawn before it begins: everything is an entry that can be left out, so that a
// failure can be made small.
#pragma once

#include "sim/world.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lonc::sim {

struct Entry {
  enum class Kind { client, answer_fault, peer_state, peer_act, operate, disk, message };
  Time at{};
  Kind kind = Kind::client;
  int peer = 0;
  std::uint64_t draw = 0;  // from which its details are drawn
};

inline constexpr Time night_end = 6h;  // of each day, before which a long script does nothing

struct Script {
  std::uint64_t seed = 0;
  int peers = 1;
  Time end{};  // of the faults
  bool is_long = false;  // days, in which little happens
  std::vector<Entry> entries{};
};

Script draw_script(std::uint64_t seed);
// 50 peers: requests by day, silence at night, outages of minutes to days.
Script draw_days(std::uint64_t seed, std::uint64_t days);
std::string describe(const Entry& entry);

}  // namespace lonc::sim
