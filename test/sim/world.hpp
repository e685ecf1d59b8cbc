// The world of one seed: its clock, which stands still until nothing is left to do, its events, and what was counted
// and found wrong in it. There is one in a process.
#pragma once

#include "sim/draw.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace lonc::sim {

using Time = std::chrono::nanoseconds;  // since the world began
using namespace std::chrono_literals;

class World {
 public:
  static World& get();

  Time now() const { return now_; }
  void advance(Time to) { now_ = to; }

  // Events of the same time happen in the order in which they were planned.
  void at(Time time, std::function<void()> event) { events_.emplace(std::max(time, now_), std::move(event)); }
  void after(Time delay, std::function<void()> event) { at(now_ + delay, std::move(event)); }
  bool has_due() const { return !events_.empty() && events_.begin()->first <= now_; }
  Time next_event() const { return events_.empty() ? Time::max() : events_.begin()->first; }
  void run_one();

  void count(const std::string& what, std::uint64_t more = 1) { counters_[what] += more; }
  const std::map<std::string, std::uint64_t>& counters() const { return counters_; }

  // What was promised and is not so. Nothing follows it: `on_violation` does not return.
  [[noreturn]] void violate(std::string_view kind, std::string_view text);
  std::function<void(const std::string& violation)> on_violation;  // "KIND: TEXT"

  bool is_tracing = false;
  void trace(std::string_view who, std::string_view what);

 private:
  Time now_{0};
  std::multimap<Time, std::function<void()>> events_;
  std::map<std::string, std::uint64_t> counters_;
};

// "line of 70 bytes: get:abc..."
std::string shown(std::string_view line);
std::uint64_t hash_of(std::string_view bytes);

}  // namespace lonc::sim
