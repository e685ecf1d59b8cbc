// What PeerEngine knows of its peer's delayed messages. Private to the engine.
#pragma once

#include <lonc/core/fifo.hpp>
#include <lonc/core/peer_engine.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace lonc::core {

struct PeerEngine::Delayed {
  explicit Delayed(std::uint64_t seed) : pause(std::chrono::seconds{1}, std::chrono::seconds{60}, seed) {}

  bool may_wait() const { return !is_told || waiting > 0; }
  bool has_failed() const { return attempts > 0 || is_unjudged; }

  std::size_t waiting = 0;           // on the disk, those of the batch included
  bool is_told = false;              // the spool has said so at least once
  Fifo<DelayedMessage> batch;  // handed out, oldest first; only the first is ever in flight
  bool is_busy = false;              // the spool was asked for something and has not answered
  bool is_sent = false;              // the first of the batch is in flight
  bool was_sent = false;             // it was, and what became of it is not known
  bool is_live_turn = false;         // a delayed one went last
  TimePoint not_before{};            // a pause: after a failure, or until the next is old enough
  Backoff pause;
  std::string tried;      // the oldest message, as it was handed out last
  unsigned attempts = 0;  // of its failures those that count against it
  // Its latest failure counts when the peer has answered something else since.
  bool is_unjudged = false;
  std::string failed_because;
  std::uint64_t replies_before = 0;  // to live requests, when it failed
  bool is_probing = false;           // in flight is a ping in its place
};

// Asked for each request, so it stands where it can be inlined.
inline bool PeerEngine::can_send_delayed(TimePoint now) const {
  const Delayed& delayed = *delayed_;
  if (delayed.batch.empty() || delayed.is_busy || delayed.is_sent || now < delayed.not_before) return false;
  // One that has failed precedes no live request any more.
  return !delayed.has_failed() || queue_.empty();
}

}  // namespace lonc::core
