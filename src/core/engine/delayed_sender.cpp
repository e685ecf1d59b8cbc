#include <lonc/core/engine/delayed_sender.hpp>

#include <lonc/core/base/error.hpp>
#include <lonc/core/base/text.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace lonc::core {

DelayedSender::DelayedSender(const PeerSettings& settings, Effects& effects, PeerCounters& counters, std::uint64_t seed)
    : settings_(settings), effects_(effects), counters_(counters), backoff_(seed) {}

void DelayedSender::handed_out(TimePoint now, DelayedBatch batch) {
  waiting_ = batch.waiting;
  if (batch.is_held_up) batch_.clear();
  for (DelayedMessage& message : batch.messages) batch_.push(std::move(message));
  state_ = batch_.empty() ? State::empty : State::ready;
  if (!batch_.empty() && first_.name != batch_.front().name)
    first_ = {.name = batch_.front().name, .attempts = batch_.front().attempts};
  if (batch_.empty() && batch.retry_after > Duration::zero()) not_before_ = now + batch.retry_after;
}

void DelayedSender::retry() {
  if (std::exchange(first_.attempts, 0) > 0) effects_.delayed_failed(0);
  first_.unjudged.reset();
  backoff_.reset();
  not_before_ = {};
}

void DelayedSender::pump(TimePoint now) {
  if (now < not_before_) return;
  not_before_ = {};
  if (state_ != State::empty || !may_wait()) return;
  state_ = State::asked;
  effects_.fetch_delayed();
}

// A destination in trouble must not use up the attempts of one message after the other. So after a failure a `ping` is
// sent in place of the message until the peer has answered it, or a live request.
std::optional<std::string_view> DelayedSender::next_line() {
  if (first_.unjudged) {
    if (counters_.replies == first_.unjudged->replies_before) return "ping";
    count_failure();
    if (state_ != State::ready) return std::nullopt;
  }
  return batch_.front().line;
}

void DelayedSender::answered(TimePoint now, std::string_view reply) {
  const DelayedVerdict verdict = judge_delayed_reply(reply);
  if (std::exchange(state_, State::ready) == State::probing)
    return verdict == DelayedVerdict::retry ? pause(now) : count_failure();
  const std::string& line = batch_.front().line;
  const std::string first_word(reply_word(reply));
  const std::string command = command_word(line);
  effects_.log_request(Severity::routine, command, "Delayed " + command + ": >" + first_word + "<");
  switch (verdict) {
    case DelayedVerdict::delivered: {
      ++counters_.delayed_delivered;
      const std::string record = sent_record(settings_.peer_id, line);
      drop_first();
      return effects_.delayed_answered(record, batch_.empty());
    }
    case DelayedVerdict::retry:
      return attempt_failed(now, "the answer was " + first_word);
    case DelayedVerdict::set_aside:
      return set_aside("the answer was " + first_word);
  }
}

void DelayedSender::lost(TimePoint now, std::error_code error) {
  if (std::exchange(state_, State::ready) == State::probing) {
    if (!is_own_doing(error)) pause(now);
    return;
  }
  first_.may_have_arrived = true;
  if (error == Errc::reply_too_long) return set_aside("its answer is longer than max-line-length");
  if (is_own_doing(error)) return log_repetition(error.message());
  attempt_failed(now, error.message());
}

void DelayedSender::attempt_failed(TimePoint now, const std::string& why) {
  ++counters_.delayed_failed;
  first_.unjudged = Failure{.why = why, .replies_before = counters_.replies};
  pause(now);
  log_repetition(why);
}

// The peer may have received it: the log names every message that may arrive twice.
void DelayedSender::log_repetition(const std::string& why) {
  const DelayedMessage& message = batch_.front();
  const std::string command = command_word(message.line);
  effects_.log_request(
      Severity::routine, command,
      "Delayed " + command + " failed: " + why + "; " + escape_outside_text(message.name) + " is sent again");
}

void DelayedSender::pause(TimePoint now) {
  not_before_ = now + backoff_.next(std::chrono::seconds{1}, std::chrono::seconds{60});
}

// The peer answers other requests, so the failure counts. An operator may have cleared it since the ping was written.
void DelayedSender::count_failure() {
  if (!first_.unjudged) return;
  const std::string why = std::move(first_.unjudged->why);
  first_.unjudged.reset();
  ++first_.attempts;
  if (first_.attempts >= settings_.delayed_max_attempts)
    return set_aside("it failed " + std::to_string(first_.attempts) + " times in a row; the last time: " + why);
  effects_.delayed_failed(first_.attempts);
}

void DelayedSender::set_aside(const std::string& reason) {
  ++counters_.delayed_set_aside;
  drop_first();
  effects_.set_aside_delayed(reason, batch_.empty());
}

// The spool is about to be notified of the outcome, and responds.
void DelayedSender::drop_first() {
  batch_.pop();
  first_ = {};
  backoff_.reset();
  state_ = State::asked;
}

// A message in flight keeps its place until its outcome is known.
void DelayedSender::give_back() {
  if (state_ != State::ready) return;
  batch_.clear();
  state_ = State::empty;
  effects_.return_delayed(std::exchange(first_.may_have_arrived, false));
}

void DelayedSender::stop() {
  if (state_ == State::asked) effects_.return_delayed(false);
}

// Nothing waits for a disk that has not answered an earlier request, nor for a message that has failed before.
void DelayedSender::begin_hold(TimePoint now) {
  hold_until_ = {};
  if (!may_wait() || state_ == State::asked || has_failed() || now < not_before_) return;
  hold_until_ = settings_.delayed_first == Duration::max() ? never : now + settings_.delayed_first;
}

TimePoint DelayedSender::deadline() const {
  return std::min(not_before_ == TimePoint{} ? never : not_before_, has_hold() ? hold_until_ : never);
}

void DelayedSender::report(PeerStatus& status) const {
  status.delayed_waiting = waiting_.value_or(0);
  status.delayed_attempts = first_.attempts + (first_.unjudged ? 1 : 0);
  if (has_failed()) status.delayed_tried = first_.name;
}

}  // namespace lonc::core
