// What PeerEngine tells people: state, causes, and few log lines (loncron mails the administrator when it finds many).
#include "engine_connection.hpp"

#include <lonc/core/error.hpp>
#include <lonc/core/peer_engine.hpp>
#include <lonc/core/text.hpp>

#include <algorithm>

namespace lonc::core {

namespace {

constexpr Duration warning_interval = std::chrono::hours{1};

std::string whole_seconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count()) + " s";
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

std::string PeerEngine::status_text() const {
  switch (state_) {
    case PeerState::starting:
      return lost_because_.empty() ? "Connecting" : "Connecting again: " + lost_because_;
    case PeerState::up:
      return "Connected";
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
