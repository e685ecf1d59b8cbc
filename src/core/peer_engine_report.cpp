// What PeerEngine tells people: state, causes, and few log lines (loncron mails the administrator when it finds many).
#include "engine_connection.hpp"

#include <lonc/core/error.hpp>
#include <lonc/core/peer_engine.hpp>
#include <lonc/core/text.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace lonc::core {

namespace {

constexpr Duration warning_interval = std::chrono::hours{1};

std::string whole_seconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count()) + " s";
}

// Each command word once, at most some of them.
std::string words_of(const Batch& batch) {
  constexpr std::size_t most = 5;
  std::vector<std::string_view> words;
  for (const Batch::Request& request : batch.requests()) {
    if (std::ranges::find(words, request.word) == words.end()) words.push_back(request.word);
  }
  std::string text;
  for (std::size_t number = 0; number != std::min(most, words.size()); ++number)
    text.append(text.empty() ? "" : ", ").append(words[number]);
  return words.size() > most ? text + ", ..." : text;
}

bool is_due(std::optional<TimePoint>& last, TimePoint now) {
  if (last && now < *last + warning_interval) return false;
  last = now;
  return true;
}

}  // namespace

std::string_view to_string(PeerState state) {
  switch (state) {
    case PeerState::starting:
      return "starting";
    case PeerState::up:
      return "up";
    case PeerState::away:
      return "away";
    case PeerState::given_up:
      return "given_up";
    case PeerState::paused:
      return "paused";
    case PeerState::draining:
      return "draining";
    case PeerState::stopped:
      return "stopped";
  }
  return "unknown";
}

void PeerEngine::set_state(TimePoint now, PeerState state) {
  if (state == state_ && state_since_ != TimePoint{}) return;
  state_ = state;
  state_since_ = now;
  effects_.status_changed();
}

void PeerEngine::note_error(TimePoint now, std::error_code error, std::string_view detail) {
  std::string text = error.message();
  if (!detail.empty()) text.append(" (at ").append(detail).append(")");
  const bool is_new = text != last_error_;
  last_error_ = std::move(text);
  last_error_at_ = now;
  if (is_new) effects_.status_changed();
}

void PeerEngine::report_incident(TimePoint now, const std::string& text) {
  effects_.log(is_due(warned_incident_, now) ? Severity::warning : Severity::debug, text);
}

// Whoever found it: a line that nobody asked for, one too many, or one too few.
void PeerEngine::report_out_of_turn(TimePoint now, const Connection& connection) {
  ++counters_.out_of_turn;
  policy_.broke(now, settings_.pipeline_trust);
  note_mode(now);
  const Batch& batch = connection.batch;
  const std::string what = batch.is_in_flight()
                               ? batch.describe() + " (" + words_of(batch) + "); all of them get con_lost"
                               : std::string("bytes that nobody had asked for");
  report_incident(now, settings_.peer_id + " spoke out of turn: " + what +
                           "; the connection is closed, and requests go to it one at a time for a while");
}

void PeerEngine::report_broken_batch(TimePoint now, const Connection& connection, std::error_code error) {
  policy_.broke(now, settings_.pipeline_trust);
  note_mode(now);
  const Batch& batch = connection.batch;
  report_incident(now, settings_.peer_id + " left a batch unanswered: " + batch.describe() + " (" + words_of(batch) +
                           "), then: " + error.message() +
                           "; all of them get con_lost, and requests go to it one at a time for a while");
}

void PeerEngine::report_timeout(TimePoint now, const Batch& batch) {
  for (const Batch::Request& request : batch.requests())
    counters_.timeouts += request.is_delayed || request.is_answered ? 0 : 1;
  report_incident(now, words_of(batch) + " was not answered within " +
                           (batch.requests().front().is_delayed ? "delayed-timeout" : "request-timeout") +
                           "; its connection is closed");
}

// The status says how requests go to the peer, where that is not as usual.
void PeerEngine::note_mode(TimePoint now) {
  const BatchPolicy::Mode mode = policy_.mode(now);
  if (std::exchange(told_mode_, mode) != mode) effects_.status_changed();
}

// One WARNING when the peer goes, then at most one an hour for as long as it is away or comes and goes.
void PeerEngine::report_away(TimePoint now, std::error_code error) {
  if (!is_due(warned_away_, now)) {
    effects_.log(Severity::debug, "Couldn't connect to " + settings_.peer_id + ": " + last_error_);
    return;
  }
  std::string text = "Couldn't connect to " + settings_.peer_id + ": " + last_error_;
  if (const std::string remedy = remedy_for(error); !remedy.empty()) text += "; " + remedy;
  text += next_attempt_ == never ? "; given up until SIGUSR1 or a reload" : "; requests get con_lost, attempts go on";
  effects_.log(Severity::warning, text);
  away_reported_ = true;
}

void PeerEngine::report_online(TimePoint now) {
  if (!was_up_ && !away_reported_) {
    effects_.log(Severity::notice, settings_.peer_id + " online");
  } else if (away_reported_) {
    effects_.log(Severity::info, settings_.peer_id + " online again after " + whole_seconds(now - away_since_) + "; " +
                                     std::to_string(counters_.con_lost - con_lost_at_loss_) +
                                     " requests got con_lost meanwhile");
  } else {
    effects_.log(Severity::debug, "Connection to " + settings_.peer_id + " open again");
  }
  was_up_ = true;
  away_reported_ = false;
  lost_because_.clear();
}

std::string PeerEngine::connected_text() const {
  std::string text = "Connected";
  if (policy_.has_doubled_line_ends()) {
    text += "; ends replies with two line ends, so requests go one at a time";
  } else if (told_mode_ == BatchPolicy::Mode::unfenced) {
    text += "; does not answer a ping behind a request, so requests go one at a time";
  } else if (counters_.out_of_turn != 0 && told_mode_ != BatchPolicy::Mode::proven) {
    text += "; spoke out of turn, so requests go one at a time for a while";
  }
  if (served_ != 0)
    text += "; serves no more than " + std::to_string(served_) + (served_ == 1 ? " connection" : " connections");
  return text;
}

std::string PeerEngine::status_text() const {
  switch (state_) {
    case PeerState::starting:
      return lost_because_.empty() ? "Connecting" : "Connecting again: " + lost_because_;
    case PeerState::up:
      return connected_text();
    case PeerState::away:
    case PeerState::given_up: {
      std::string text = state_ == PeerState::away ? "Away: " : "Given up: ";
      text += last_error_;
      if (!lost_because_.empty() && lost_because_ != last_error_) text += " (lost: " + lost_because_ + ")";
      return text;
    }
    case PeerState::paused:
      return "Out of service: an administrator has taken it out";
    case PeerState::draining:
      return "Closing";
    case PeerState::stopped:
      return "Closed";
  }
  return {};
}

}  // namespace lonc::core
