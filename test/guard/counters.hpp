// Counts the system calls and heap calls that are made while it is told to. Done by the linker (--wrap), so that lonc
// itself knows nothing of it.
#pragma once

#include <cstdint>

namespace lonc::guard {

struct Counters {
  bool is_counting = false;
  bool is_clock_even = false;  // each turn takes as long as any other, whatever else the machine does
  std::uint64_t system_calls = 0;
  std::uint64_t heap_calls = 0;
};

inline Counters counters;

}  // namespace lonc::guard
