#include <lonc/core/engine/peer_reporter.hpp>

#include <lonc/core/base/error.hpp>
#include <lonc/core/base/text.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <utility>
#include <vector>

namespace lonc::core {

namespace {

constexpr Duration warning_interval = std::chrono::hours{1};

// Lists each command word once, at most a few of them.
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

Duration RoundTrips::mean() const {
  const std::uint64_t all = count();
  return all == 0 ? Duration::zero() : sum_ / static_cast<Duration::rep>(all);
}

Duration RoundTrips::quantile(double fraction) const {
  const double rank = fraction * static_cast<double>(count());
  double below = 0;
  for (std::size_t bucket = 0; bucket != bounds.size(); ++bucket) {
    const auto inside = static_cast<double>(counts_[bucket]);
    if (inside > 0 && below + inside >= rank) {
      const Duration from = bucket == 0 ? Duration::zero() : bounds[bucket - 1];
      const double share = std::clamp((rank - below) / inside, 0.0, 1.0);
      return from + std::chrono::duration_cast<Duration>((bounds[bucket] - from) * share);
    }
    below += inside;
  }
  return count() == 0 ? Duration::zero() : bounds.back();
}

std::string_view to_string(PeerState state) {
  constexpr std::array<std::string_view, 7> names{"starting", "up",       "away",   "given_up",
                                                  "drained",  "draining", "stopped"};
  return names.at(static_cast<std::size_t>(state));
}

std::string PeerError::text() const {
  if (!code) return {};
  std::string text = code.message();
  if (!step.empty()) text.append(" (at ").append(step).append(")");
  return text;
}

void PeerReporter::note_error(TimePoint now, PeerError error) {
  last_error_at_ = now;
  if (std::exchange(last_error_, error) != error) effects_.status_changed();
}

void PeerReporter::note_mode(BatchPolicy::Mode mode) {
  if (std::exchange(mode_, mode) != mode) effects_.status_changed();
}

void PeerReporter::incident(TimePoint now, const std::string& text) {
  effects_.log(is_due(warned_incident_at_, now) ? Severity::warning : Severity::debug, text);
}

void PeerReporter::no_memory(TimePoint now) {
  incident(now,
           "the memory for long requests and answers (max-client-memory) is used up; long ones are answered con_lost");
}

void PeerReporter::out_of_turn(TimePoint now, const Batch& batch) {
  const std::string what = batch.is_in_flight()
                               ? batch.describe() + " (" + words_of(batch) + "); all of them get con_lost"
                               : std::string("unsolicited bytes");
  incident(now, settings_.peer_id + " spoke out of turn: " + what +
                    "; the connection is closed, and requests go to it one at a time for a while");
}

void PeerReporter::broken_batch(TimePoint now, const Batch& batch, std::error_code error) {
  incident(now, settings_.peer_id + " left a batch unanswered: " + batch.describe() + " (" + words_of(batch) +
                    "), then: " + error.message() +
                    "; all of them get con_lost, and requests go to it one at a time for a while");
}

void PeerReporter::timeout(TimePoint now, const Batch& batch) {
  incident(now, words_of(batch) + " was not answered within " +
                    (batch.requests().front().is_delayed ? "delayed-timeout" : "request-timeout") +
                    "; its connection is closed");
}

void PeerReporter::doubled_line_ends(TimePoint now) {
  incident(now,
           settings_.peer_id +
               " ended a reply with two line ends; the second one is ignored, and requests go to it one at a time");
  effects_.status_changed();
}

void PeerReporter::lost(TimePoint now, std::error_code error) {
  lost_because_ = error;
  con_lost_at_loss_ = counters_.con_lost;
  away_since_ = now;
}

// One WARNING when the peer goes away, then at most one per hour for as long as it is away or comes and goes.
void PeerReporter::away(TimePoint now, std::error_code error, bool is_given_up) {
  std::string text = "Couldn't connect to " + settings_.peer_id + ": " + last_error_.text();
  if (!is_due(warned_away_at_, now)) return effects_.log(Severity::debug, text);
  if (const std::string remedy = remedy_for(error); !remedy.empty()) text += "; " + remedy;
  text += is_given_up ? "; given up until SIGUSR1 or a reload" : "; requests get con_lost, and attempts continue";
  effects_.log(Severity::warning, text);
  has_warned_away_ = true;
}

void PeerReporter::online(TimePoint now) {
  if (!was_up_ && !has_warned_away_) {
    effects_.log(Severity::routine, settings_.peer_id + " online");
  } else if (has_warned_away_) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - away_since_).count();
    effects_.log(Severity::info, settings_.peer_id + " online again after " + std::to_string(seconds) + " s; " +
                                     counted(counters_.con_lost - con_lost_at_loss_, "request") +
                                     " got con_lost meanwhile");
  } else {
    effects_.log(Severity::debug, "Connection to " + settings_.peer_id + " open again");
  }
  was_up_ = true;
  has_warned_away_ = false;
  lost_because_ = {};
}

void PeerReporter::report(PeerStatus& status, const BatchPolicy& policy, std::size_t served) const {
  status.text = text(status.state, policy, served);
  status.remedy = remedy(status.state);
  status.last_error = last_error_;
  status.last_error_at = last_error_at_;
  status.lost_because = lost_because_;
}

std::string PeerReporter::connected_text(const BatchPolicy& policy, std::size_t served) const {
  std::string text = "Connected";
  if (policy.has_doubled_line_ends()) {
    text += "; ends replies with two line ends, so requests go one at a time";
  } else if (mode_ == BatchPolicy::Mode::unfenced) {
    text += "; does not answer a ping after a request, so requests go one at a time";
  } else if (counters_.out_of_turn != 0 && mode_ != BatchPolicy::Mode::proven) {
    text += "; spoke out of turn, so requests go one at a time for a while";
  }
  return served == 0 ? text : text + "; serves no more than " + counted(served, "connection");
}

std::string PeerReporter::text(PeerState state, const BatchPolicy& policy, std::size_t served) const {
  switch (state) {
    case PeerState::starting:
      return lost_because_ ? "Connecting again: " + lost_because_.message() : "Connecting";
    case PeerState::up:
      return connected_text(policy, served);
    case PeerState::away:
    case PeerState::given_up: {
      std::string text = state == PeerState::away ? "Away: " : "Given up: ";
      text += last_error_.text();
      if (lost_because_ && PeerError{lost_because_, {}} != last_error_)
        text += " (lost: " + lost_because_.message() + ")";
      return text;
    }
    case PeerState::paused:
      return "Drained by an administrator";
    case PeerState::draining:
      return "Closing";
    case PeerState::stopped:
      return "Closed";
  }
  return {};
}

std::string PeerReporter::remedy(PeerState state) const {
  if (state == PeerState::paused) return "put it back into service with loncctl reconnect " + settings_.peer_id;
  if (state != PeerState::away && state != PeerState::given_up) return {};
  std::string remedy = remedy_for(last_error_.code);
  if (remedy.empty()) remedy = "check lonc.log here and lond.log on the peer";
  if (state == PeerState::given_up)
    remedy += "; then loncctl reconnect " + settings_.peer_id +
              ", since max-attempts attempts have failed and no more are made";
  return remedy;
}

}  // namespace lonc::core
