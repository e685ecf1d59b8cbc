// When an attempt is made again: after a back-off, or earlier if it is wanted.
#pragma once

#include <lonc/core/base/types.hpp>
#include <lonc/core/engine/peer_settings.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <random>

namespace lonc::core {

// Exponential back-off with full jitter: a delay drawn evenly from 0 to a bound that doubles with each failure.
class Backoff {
 public:
  explicit Backoff(std::uint64_t seed);

  // The delay before the next attempt. Counts one more failure. `first` and `longest`: the bounds after the first
  // failure and after many.
  Duration next(Duration first, Duration longest);
  // Counts one more failure, of an attempt that was made early. It does not lengthen later delays.
  void failed_early() { ++failures_; }
  void reset() { failures_ = doublings_ = 0; }

  unsigned failures() const { return failures_; }

 private:
  unsigned failures_ = 0;
  unsigned doublings_ = 0;  // of the bound
  std::minstd_rand random_;
};

// The shortest time between the starts of two attempts to reach one peer, whatever triggers them (except an operator's
// command).
inline constexpr Duration attempt_spacing = std::chrono::seconds{1};

// Plans when the next attempt to reach a peer without a connection begins: according to a back-off, which requests for
// the peer bring forward. A part of PeerEngine; nothing else calls it.
class AttemptSchedule {
 public:
  // `settings` must outlive it.
  AttemptSchedule(const PeerSettings& settings, std::uint64_t seed) : settings_(settings), backoff_(seed) {}

  // `never` while an attempt is running, and if none is planned.
  TimePoint next() const { return next_; }
  unsigned failures() const { return backoff_.failures(); }  // in a row
  AttemptClass attempt_class() const { return has_failed_last_ ? AttemptClass::failed_last : AttemptClass::favoured; }

  // --- what has happened
  void begun(TimePoint now) {
    last_ = now;
    next_ = never;
  }
  // The latest attempt has failed; others may still be running.
  void failed() { has_failed_last_ = true; }
  void connected() {
    has_failed_last_ = false;
    next_ = never;
  }
  // A connection was of use.
  void worked() {
    hang_ups_ = 0;
    backoff_.reset();
  }
  // The peer ended a connection before it was of use. True for the first one in a row, which is treated as an accident.
  bool hung_up() { return ++hang_ups_ == 1; }
  // Failures are forgotten on request.
  void forget_failures() { backoff_.reset(); }
  // The peer has moved to another place: nothing that was learned about it applies there.
  void forget_peer() {
    worked();
    has_failed_last_ = false;
    forget_spacing();
  }

  // --- what is planned
  // The last running attempt has failed. Plans the next one by the back-off, or none after max-attempts failures.
  void plan_after_failure(TimePoint now);
  void plan_soon(TimePoint now) { next_ = earliest(now); }
  void plan_none() { next_ = never; }
  // The next attempt begins no later than the earliest time that the spacing permits, or than `latest`.
  void bring_forward(TimePoint now) { bring_forward_to(earliest(now)); }
  void bring_forward_to(TimePoint latest) { next_ = std::min(next_, latest); }
  // The next attempt need not keep its distance from the previous one.
  void forget_spacing() { last_.reset(); }

 private:
  TimePoint earliest(TimePoint now) const { return last_ ? std::max(now, *last_ + attempt_spacing) : now; }

  const PeerSettings& settings_;
  Backoff backoff_;
  TimePoint next_ = never;
  TimePoint scheduled_{};  // when the back-off planned it to begin, before anything brought it forward
  std::optional<TimePoint> last_;  // when the latest attempt began
  bool has_failed_last_ = false;  // the latest attempt has failed, and no connection has become ready since
  unsigned hang_ups_ = 0;  // consecutive connections that the peer ended before they were of use
};

}  // namespace lonc::core
