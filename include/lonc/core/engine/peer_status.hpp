// A copy of what PeerEngine knows about its peer, for the status files and the metrics.
#pragma once

#include <lonc/core/base/types.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <system_error>

namespace lonc::core {

// How long a peer takes to answer: counts by duration. Adding one costs a few comparisons and increments.
class RoundTrips {
 public:
  // The upper bounds of all buckets except the last, which has none.
  static constexpr std::array<Duration, 13> bounds{
      std::chrono::microseconds{500}, std::chrono::milliseconds{1},   std::chrono::microseconds{2500},
      std::chrono::milliseconds{5},   std::chrono::milliseconds{10},  std::chrono::milliseconds{25},
      std::chrono::milliseconds{50},  std::chrono::milliseconds{100}, std::chrono::milliseconds{250},
      std::chrono::seconds{1},        std::chrono::seconds{5},        std::chrono::seconds{30},
      std::chrono::seconds{300}};
  using Counts = std::array<std::uint64_t, bounds.size() + 1>;

  void add(Duration time) {
    std::size_t bucket = 0;
    while (bucket != bounds.size() && time > bounds[bucket]) ++bucket;
    ++counts_[bucket];
    sum_ += time;
  }

  const Counts& counts() const { return counts_; }
  Duration sum() const { return sum_; }
  std::uint64_t count() const { return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0}); }

  // Zero while count() is zero. A quantile is interpolated within its bucket as if the bucket were filled evenly, so it
  // is as exact as the buckets are narrow; beyond the last bound it is that bound.
  Duration mean() const;
  Duration quantile(double fraction) const;

 private:
  Counts counts_{};
  Duration sum_{};
};

enum class PeerState {
  starting,  // the first attempt since start, reload or loss of a working connection is running: requests wait
  up,  // at least one connection is ready
  away,  // the last attempt failed: requests are answered con_lost at once; attempts continue
  given_up,  // max-attempts failed in a row: no more attempts until SIGUSR1, a reload, or an administrator
  paused,  // an administrator has taken it out of service: con_lost at once, and no attempts
  draining,  // the session is ending: no new request is accepted
  stopped,  // nothing is open any more
};

std::string_view to_string(PeerState state);

struct PeerCounters {
  std::uint64_t requests = 0;  // lines received from clients
  std::uint64_t replies = 0;  // answers of the peer passed on to clients
  std::uint64_t con_lost = 0;  // requests answered con_lost
  std::uint64_t errors = 0;  // requests answered error:
  std::uint64_t timeouts = 0;  // requests that were not answered within request-timeout
  std::uint64_t attempts = 0;  // attempts to connect
  std::uint64_t failed_attempts = 0;  // of these, the unsuccessful ones
  std::uint64_t delayed_delivered = 0;  // delayed messages that the peer has accepted
  std::uint64_t delayed_failed = 0;  // failed attempts to deliver a delayed message
  std::uint64_t delayed_set_aside = 0;  // delayed messages that were quarantined: refused, or failed for good
  std::uint64_t bytes_sent = 0;  // of whole lines for the peer, including handshakes
  std::uint64_t bytes_received = 0;
  std::uint64_t reconnects = 0;  // how often the peer came up again after all connections had been lost
  std::uint64_t out_of_turn = 0;  // connections closed because of unrequested or missing lines
  std::uint64_t empty_lines = 0;  // unrequested line ends, which were skipped
};

// What went wrong with a connection, and at which step of the handshake.
struct PeerError {
  std::error_code code;  // zero: nothing went wrong
  std::string_view step;  // has static storage duration; empty if it was not during the handshake

  explicit operator bool() const { return static_cast<bool>(code); }
  std::string text() const;  // "lond refused this server (at init)"; empty if nothing went wrong
  bool operator==(const PeerError&) const = default;
};

struct PeerStatus {
  std::string peer_id;
  PeerState state = PeerState::starting;
  TimePoint state_since{};
  std::string text;  // one line for people: "Connected", "Away: Connection refused"
  std::size_t connections = 0;  // ready
  std::size_t opening = 0;  // being opened
  std::size_t in_flight = 0;
  std::size_t queued = 0;
  unsigned failed_in_a_row = 0;
  TimePoint next_attempt = never;
  PeerError last_error;
  TimePoint last_error_at{};
  std::string remedy;  // what an administrator can do about the state; empty if there is nothing to do
  std::error_code lost_because;  // why the peer's last working connection ended; zero while up
  std::size_t delayed_waiting = 0;  // on the disk, as last reported by the spool
  unsigned delayed_attempts = 0;  // consecutive failures of the oldest of them
  std::string delayed_tried;  // its name, if there were any failures
  PeerCounters counters;
  RoundTrips round_trips;  // of client requests: from writing the request to the answer
};

}  // namespace lonc::core
