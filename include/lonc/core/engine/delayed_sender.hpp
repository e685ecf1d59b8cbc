// Sends the delayed messages of one peer: which is next and when, what an answer or a missing answer means, and how
// long live requests wait for them. Knows no connections: PeerEngine writes the line that it gets from here.
#pragma once

#include <lonc/core/base/types.hpp>
#include <lonc/core/engine/attempt_schedule.hpp>
#include <lonc/core/engine/effects.hpp>
#include <lonc/core/engine/peer_settings.hpp>
#include <lonc/core/engine/peer_status.hpp>
#include <lonc/core/engine/request_queue.hpp>
#include <lonc/core/spool/delayed_message.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace lonc::core {

// A part of PeerEngine; nothing else calls it.
class DelayedSender {
 public:
  // All arguments must outlive it.
  DelayedSender(const PeerSettings& settings, Effects& effects, PeerCounters& counters, std::uint64_t seed);

  // --- from the spool
  void set_waiting(std::size_t messages) { waiting_ = messages; }
  void handed_out(TimePoint now, DelayedBatch batch);
  // An administrator has fixed something: failures are forgotten, and the pause is over.
  void retry();

  // --- from the engine. While the peer is up, pump() asks the spool for the next messages if it is time.
  void pump(TimePoint now);
  // Called once per request.
  bool can_send(TimePoint now, bool has_live) const {
    // A message that has failed no longer precedes live requests.
    return state_ == State::ready && now >= not_before_ && !(has_live && has_failed());
  }
  // The line to write now, if can_send(); call sent() after it was written. Nothing if the message has just been set
  // aside.
  std::optional<std::string_view> next_line();
  void sent() { state_ = first_.unjudged ? State::probing : State::in_flight; }
  void answered(TimePoint now, std::string_view reply);
  // The connection ended before the answer came.
  void lost(TimePoint now, std::error_code error);
  // Messages that were handed out and are not in flight go back to the spool.
  void give_back();
  // The session is ending and nothing is in flight: whatever the spool still delivers is not wanted.
  void stop();

  // --- live requests wait, but not for long, for the messages that were left for the peer while it was away
  void begin_hold(TimePoint now);
  bool holds_live(TimePoint now) const { return now < hold_until_; }
  // A hold has begun, and end_hold() has not been called since.
  bool has_hold() const { return hold_until_ != TimePoint{}; }
  void end_hold() { hold_until_ = {}; }
  // Something is about to be sent for which live requests may have to wait.
  bool precedes_live(TimePoint now) const { return state_ != State::empty && now >= not_before_ && !has_failed(); }

  // When the pause or the hold ends.
  TimePoint deadline() const;
  void report(PeerStatus& status) const;

 private:
  enum class State : unsigned char {
    empty,  // nothing was handed out or requested
    asked,  // the spool was asked for messages, or to record that one is done: handed_out() follows
    ready,  // the first message handed out is sent next, once the pause is over
    in_flight,  // the first message was written
    probing,  // a ping was written in its place
  };
  struct Failure {
    std::string why;
    std::uint64_t replies_before;  // to live requests
  };
  // What is known about the oldest message, even after it has been given back.
  struct First {
    std::string name{};
    unsigned attempts = 0;  // failed attempts that count against it
    std::optional<Failure> unjudged{};  // counts once the peer has answered something else since
    bool may_have_arrived = false;  // it was in flight, and its outcome is unknown
  };

  bool may_wait() const { return !waiting_ || *waiting_ > 0; }
  bool has_failed() const { return first_.attempts > 0 || first_.unjudged; }
  void attempt_failed(TimePoint now, const std::string& why);
  void count_failure();
  void pause(TimePoint now);
  void log_repetition(const std::string& why);
  void set_aside(const std::string& reason);
  void drop_first();

  const PeerSettings& settings_;
  Effects& effects_;
  PeerCounters& counters_;
  State state_ = State::empty;
  std::optional<std::size_t> waiting_;  // on the disk, including the batch; nothing until the spool has reported it
  Fifo<DelayedMessage> batch_;  // handed out, oldest first; only the first is ever in flight
  First first_;
  TimePoint not_before_{};  // end of a pause after a failure, or until the next is old enough; {}: no pause
  Backoff backoff_;
  TimePoint hold_until_{};  // {}: no hold
};

}  // namespace lonc::core
