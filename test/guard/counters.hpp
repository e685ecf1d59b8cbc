// Counts the system calls and heap calls while is_counting is set. The linker redirects them (--wrap), so that lonc
// itself does not change.
#pragma once

#include <cstdint>

namespace lonc::guard {

struct Counters {
  bool is_counting = false;
  bool is_clock_even = false;  // each turn takes the same time, whatever else the machine does
  std::uint64_t system_calls = 0;
  std::uint64_t heap_calls = 0;
};

inline Counters counters;

}  // namespace lonc::guard
