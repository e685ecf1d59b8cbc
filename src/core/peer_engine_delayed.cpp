// Delayed messages: when they are fetched and sent, what an answer or its absence means, and how long live requests
// have to wait for them.
#include "engine_connection.hpp"
#include "engine_delayed.hpp"

#include <lonc/core/error.hpp>
#include <lonc/core/peer_engine.hpp>
#include <lonc/core/text.hpp>

#include <algorithm>
#include <utility>

namespace lonc::core {

void PeerEngine::delayed_waiting(TimePoint now, std::size_t messages) {
  delayed_->waiting = messages;
  delayed_->is_told = true;
  pump_delayed(now);
}

void PeerEngine::delayed_batch(TimePoint now, DelayedBatch batch) {
  Delayed& delayed = *delayed_;
  delayed.is_busy = false;
  delayed.is_told = true;
  delayed.waiting = batch.waiting;
  if (batch.is_held_up) delayed.batch.clear();
  for (DelayedMessage& message : batch.messages) delayed.batch.push(std::move(message));
  if (!delayed.batch.empty() && delayed.tried != delayed.batch.front().name) {
    delayed.tried = delayed.batch.front().name;
    delayed.attempts = delayed.batch.front().attempts;
    delayed.is_unjudged = false;
  }
  if (delayed.batch.empty() && batch.retry_after > Duration::zero()) delayed.not_before = now + batch.retry_after;
  if (state_ != PeerState::up) return give_back_delayed();
  pump_delayed(now);
}

void PeerEngine::withdraw_delayed(TimePoint now) {
  give_back_delayed();
  if (state_ == PeerState::up) end_hold(now);
}

void PeerEngine::retry_delayed(TimePoint now) {
  if (std::exchange(delayed_->attempts, 0) > 0) effects_.delayed_failed(0);
  delayed_->is_unjudged = false;
  delayed_->pause.reset();
  delayed_->not_before = {};
  pump_delayed(now);
}

// What was left for the peer while it was away goes before what is asked now, but not for long. A disk that has not
// answered an earlier question is not waited for, nor is a message that has failed before.
void PeerEngine::hold_live(TimePoint now) {
  const Delayed& delayed = *delayed_;
  hold_until_ = {};
  if (!delayed.may_wait() || delayed.is_busy || delayed.has_failed() || now < delayed.not_before) return;
  const bool is_strict = settings_.delayed_first == Duration::max();
  hold_until_ = is_strict ? never : now + settings_.delayed_first;
  lower_deadline(hold_until_);
}

void PeerEngine::end_hold(TimePoint now) {
  if (std::exchange(hold_until_, TimePoint{}) == TimePoint{} || queue_.empty()) return;
  dispatch(now);
  if (state_ == PeerState::up) open_what_is_missing(now);
}

// Does what there is to do next for delayed messages, and for the live ones that wait for them.
void PeerEngine::pump_delayed(TimePoint now) {
  if (state_ != PeerState::up) return;
  Delayed& delayed = *delayed_;
  const bool is_pausing = now < delayed.not_before;
  if (is_pausing) {
    lower_deadline(delayed.not_before);
  } else {
    delayed.not_before = {};
  }
  if (delayed.batch.empty() && !delayed.is_busy && !is_pausing && delayed.may_wait()) {
    delayed.is_busy = true;
    effects_.fetch_delayed();
  }
  const bool has_more = !delayed.batch.empty() || delayed.is_busy;
  if (is_pausing || !has_more || delayed.has_failed()) end_hold(now);
  dispatch(now);
  if (can_send_delayed(now) && state_ == PeerState::up) open_what_is_missing(now);
}

// A destination in trouble must not use up the attempts of one message after the other: after a failure a `ping` goes
// in the message's place until the peer has answered that, or a live request.
void PeerEngine::send_delayed(TimePoint now, Connection& connection) {
  Delayed& delayed = *delayed_;
  const bool is_probe = delayed.is_unjudged && counters_.replies == delayed.replies_before;
  if (delayed.is_unjudged && !is_probe) {
    count_delayed_failure();
    if (delayed.is_busy) return;
  }
  const std::string_view line = is_probe ? std::string_view("ping") : delayed.batch.front().line;
  if (!send(now, connection, {.accepted = now, .is_delayed = true}, line)) return;
  delayed.is_sent = true;
  delayed.is_probing = is_probe;
  delayed.is_live_turn = true;
}

void PeerEngine::delayed_reply(TimePoint now, std::string_view reply) {
  Delayed& delayed = *delayed_;
  delayed.is_sent = false;
  if (std::exchange(delayed.is_probing, false)) {
    judge_delayed_reply(reply) == DelayedVerdict::retry ? pause_delayed(now) : count_delayed_failure();
    if (state_ != PeerState::up) give_back_delayed();
    return;
  }
  const std::string& line = delayed.batch.front().line;
  const std::string_view first_word = reply_word(reply);
  const std::string command = command_word(line);
  effects_.log_request(Severity::notice, command, "Delayed " + command + ": >" + std::string(first_word) + "<");
  switch (judge_delayed_reply(reply)) {
    case DelayedVerdict::delivered: {
      ++counters_.delayed_delivered;
      const std::string record = sent_record(settings_.peer_id, line);
      delayed.batch.pop();
      delayed.was_sent = false;
      delayed.attempts = 0;
      delayed.tried.clear();
      delayed.pause.reset();
      delayed.is_busy = true;
      effects_.delayed_answered(record, delayed.batch.empty());
      return;
    }
    case DelayedVerdict::retry:
      delayed_attempt_failed(now, "the answer was " + std::string(first_word));
      if (state_ != PeerState::up) give_back_delayed();
      return;
    case DelayedVerdict::set_aside:
      return set_aside_delayed("the answer was " + std::string(first_word));
  }
}

// Its connection ended before its answer came.
void PeerEngine::delayed_lost(TimePoint now, std::error_code error) {
  delayed_->is_sent = false;
  if (std::exchange(delayed_->is_probing, false)) {
    if (!is_own_doing(error)) pause_delayed(now);
    if (state_ != PeerState::up) give_back_delayed();
    return;
  }
  delayed_->was_sent = true;
  if (error == Errc::reply_too_long) return set_aside_delayed("its answer is longer than max-line-length");
  if (!is_own_doing(error)) delayed_attempt_failed(now, error.message());
  if (state_ != PeerState::up) give_back_delayed();
}

void PeerEngine::delayed_attempt_failed(TimePoint now, const std::string& why) {
  Delayed& delayed = *delayed_;
  ++counters_.delayed_failed;
  delayed.is_unjudged = true;
  delayed.failed_because = why;
  delayed.replies_before = counters_.replies;
  pause_delayed(now);
  const std::string command = command_word(delayed.batch.front().line);
  effects_.log_request(Severity::notice, command, "Delayed " + command + " failed: " + why + "; it is sent again");
}

void PeerEngine::pause_delayed(TimePoint now) {
  delayed_->not_before = now + delayed_->pause.next();
  lower_deadline(delayed_->not_before);
}

// The peer answers others.
void PeerEngine::count_delayed_failure() {
  Delayed& delayed = *delayed_;
  delayed.is_unjudged = false;
  ++delayed.attempts;
  if (delayed.attempts >= settings_.delayed_max_attempts)
    return set_aside_delayed("it failed " + std::to_string(delayed.attempts) +
                             " times in a row, at last: " + delayed.failed_because);
  effects_.delayed_failed(delayed.attempts);
}

void PeerEngine::set_aside_delayed(const std::string& reason) {
  Delayed& delayed = *delayed_;
  ++counters_.delayed_set_aside;
  delayed.batch.pop();
  delayed.was_sent = false;
  delayed.attempts = 0;
  delayed.tried.clear();
  delayed.pause.reset();
  delayed.is_busy = true;
  effects_.set_aside_delayed(reason, delayed.batch.empty());
}

// The peer is not up any more. What is in flight keeps its place until it is known what became of it.
void PeerEngine::give_back_delayed() {
  Delayed& delayed = *delayed_;
  if (delayed.is_sent || delayed.is_busy || delayed.batch.empty()) return;
  delayed.batch.clear();
  effects_.return_delayed(std::exchange(delayed.was_sent, false));
}

TimePoint PeerEngine::delayed_deadline() const {
  const Delayed& delayed = *delayed_;
  if (state_ != PeerState::up) return never;
  const TimePoint pause = delayed.not_before == TimePoint{} ? never : delayed.not_before;
  const TimePoint hold = hold_until_ == TimePoint{} ? never : hold_until_;
  return std::min(pause, hold);
}

}  // namespace lonc::core
