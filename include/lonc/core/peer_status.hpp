// A copy of what PeerEngine knows of its peer, for the status files and the metrics.
#pragma once

#include <lonc/core/round_trips.hpp>
#include <lonc/core/types.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lonc::core {

enum class PeerState {
  starting,  // the first attempt since start, reload or loss of a working connection runs: requests wait
  up,        // at least one connection is ready
  away,      // the last attempt failed: requests are answered con_lost at once; attempts go on
  given_up,  // max-attempts failed in a row: no attempt until SIGUSR1, a reload, or an administrator
  paused,    // an administrator has taken it out of service: con_lost at once, and nothing is tried
  draining,  // the session is coming to its end: no new request is taken
  stopped,   // nothing is open any more
};

std::string_view to_string(PeerState state);

struct PeerCounters {
  std::uint64_t requests = 0;          // lines taken from clients
  std::uint64_t replies = 0;           // answers of the peer handed to clients
  std::uint64_t con_lost = 0;          // requests answered con_lost
  std::uint64_t errors = 0;            // requests answered error:
  std::uint64_t timeouts = 0;          // requests that were not answered within request-timeout
  std::uint64_t attempts = 0;          // connections tried
  std::uint64_t failed_attempts = 0;   // of these, without success
  std::uint64_t delayed_delivered = 0;  // delayed messages that the peer has taken
  std::uint64_t delayed_failed = 0;     // sendings of delayed messages that brought no answer
  std::uint64_t delayed_set_aside = 0;  // delayed messages that the peer did not want
  std::uint64_t bytes_sent = 0;         // of whole lines for the peer, handshakes included
  std::uint64_t bytes_received = 0;
  std::uint64_t reconnects = 0;  // how often the peer was up again after all connections had been lost
  std::uint64_t out_of_turn = 0;  // connections that ended because lines came that were not asked for, or too few
  std::uint64_t empty_lines = 0;  // line ends that nobody had asked for, passed over
};

struct PeerStatus {
  std::string peer_id;
  PeerState state = PeerState::starting;
  TimePoint state_since{};
  std::string text;             // one line for people: "Connected", "Away: Connection refused"
  std::size_t connections = 0;  // ready
  std::size_t opening = 0;      // being opened
  std::size_t in_flight = 0;
  std::size_t queued = 0;
  unsigned failed_in_a_row = 0;
  TimePoint next_attempt = never;
  std::string last_error;  // cause in words, empty if there was none
  TimePoint last_error_at{};
  std::string lost_because;  // why the last working connection of the peer ended; empty while up
  std::size_t delayed_waiting = 0;    // on the disk, as far as the spool has told
  unsigned delayed_attempts = 0;      // failures in a row of the oldest of them
  std::string delayed_tried;          // its name, if there were any
  PeerCounters counters;
  RoundTrips round_trips;  // of the requests of clients: from the writing to the answer
};

}  // namespace lonc::core
