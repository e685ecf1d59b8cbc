#include <lonc/core/peer_engine.hpp>

#include "engine_connection.hpp"
#include "engine_delayed.hpp"

#include <lonc/core/error.hpp>
#include <lonc/core/text.hpp>

#include <algorithm>
#include <utility>

namespace lonc::core {

namespace {

// Asked to close the connections: a batch that has brought nothing for so long is stuck, and a connection that has
// answered nothing for so long is not known to work.
constexpr Duration stuck_after = std::chrono::seconds{5};
constexpr Duration unproven_after = std::chrono::seconds{60};

// Silent further connections are sought so seldom at most: each costs the peer a place in its backlog.
constexpr unsigned further_backoff = 10;  // times backoff-longest

}  // namespace

PeerEngine::PeerEngine(PeerSettings settings, std::uint64_t seed, Effects& effects)
    : settings_(std::move(settings)),
      effects_(effects),
      backoff_(settings_.backoff_first, settings_.backoff_longest, seed),
      extra_backoff_(settings_.backoff_first, further_backoff * settings_.backoff_longest, seed + 1),
      fence_answers_(settings_.peer_id),
      delayed_(std::make_unique<Delayed>(seed + 2)) {}

PeerEngine::~PeerEngine() = default;

void PeerEngine::start(TimePoint now) {
  waiting_since_ = away_since_ = now;
  set_state(now, PeerState::starting);
  begin_attempt(now);
  recompute_deadline();
}

// Apache workers send this on their own judgement, many at once, after they met con_lost twice. So it ends what is
// stuck or has not shown for a while that it works, and leaves alone what answers.
void PeerEngine::close_on_request(TimePoint now, ClientId client) {
  effects_.close_client(client);
  if (is_out_of_service()) return;
  std::vector<ConnectionId> stuck;
  for (const auto& connection : connections_) {
    if (connection->state == Connection::State::ready && is_stuck(now, *connection)) stuck.push_back(connection->id);
  }
  effects_.log(Severity::notice, "Request Close Connection: " + std::to_string(stuck.size()) + " of " +
                                     std::to_string(count_ready()) + " connections do not answer and are closed");
  for (const ConnectionId id : stuck) end_connection(now, id, Errc::close_requested);
  bring_forward(now);
}

bool PeerEngine::is_stuck(TimePoint now, const Connection& connection) const {
  if (now - connection.ready_since < stuck_after) return false;
  if (connection.batch.is_in_flight()) return now - connection.heard_at >= stuck_after;
  return now - connection.answered_at >= unproven_after;
}

void PeerEngine::deadline(TimePoint now) {
  armed_ = never;
  expire_connections(now);
  expire_queue(now);
  if (state_ == PeerState::up) {
    close_surplus(now);
    if (!holds_live(now)) end_hold(now);
    if (now >= gather_until_) gather_until_ = {};
    pump_delayed(now);
    open_what_is_missing(now);
  } else if (now >= next_attempt_) {
    begin_attempt(now);
  }
  if (now >= std::min(drain_until_, pause_until_)) end_all_connections(now, Errc::draining);
  finish_drain();
  recompute_deadline();
}

// The common path only ever makes the deadline earlier; it is worked out anew when it has come. So a request that is
// answered in time costs no timer operation.
void PeerEngine::lower_deadline(TimePoint deadline) {
  if (deadline >= armed_) return;
  armed_ = deadline;
  effects_.set_deadline(deadline);
}

void PeerEngine::recompute_deadline() {
  TimePoint earliest = std::min({queue_deadline(), next_attempt_, drain_until_, delayed_deadline()});
  if (!connections_.empty()) earliest = std::min(earliest, pause_until_);
  const bool has_surplus = count_ready() > settings_.min_connections;
  for (const auto& connection : connections_) {
    earliest = std::min(earliest, connection->step_deadline);
    if (connection->batch.is_in_flight()) earliest = std::min(earliest, batch_deadline(*connection));
    if (has_surplus && connection->is_idle())
      earliest = std::min(earliest, connection->idle_since + settings_.idle_timeout);
  }
  // What is held waits for the end of the hold, and for no connection.
  const bool waits_for_connection = !queue_.empty() && hold_until_ == TimePoint{} && gather_until_ == TimePoint{};
  const bool wants_more =
      state_ == PeerState::up && (connections_.size() < settings_.min_connections || waits_for_connection);
  if (wants_more && connections_.size() < settings_.max_connections && count_opening() == 0)
    earliest = std::min(earliest, extra_not_before_);
  if (earliest == armed_) return;
  armed_ = earliest;
  effects_.set_deadline(earliest);
}

// Failures are forgotten, but for how many connections the peer serves: whoever meets a dead peer asks for this over
// and over, and each further connection costs the peer a place in its backlog.
void PeerEngine::reconnect(TimePoint now) {
  if (is_out_of_service()) return;
  backoff_.reset();
  if (!forgotten_at_ || now >= *forgotten_at_ + settings_.backoff_longest) {
    forgotten_at_ = now;
    forget_served();
  }
  if (state_ == PeerState::up) {
    open_what_is_missing(now);
  } else if (count_opening() == 0) {
    if (state_ == PeerState::given_up) set_state(now, PeerState::away);
    begin_attempt(now);
  }
  recompute_deadline();
}

void PeerEngine::apply(TimePoint now, PeerSettings settings) {
  settings_ = std::move(settings);
  backoff_.set_bounds(settings_.backoff_first, settings_.backoff_longest);
  extra_backoff_.set_bounds(settings_.backoff_first, further_backoff * settings_.backoff_longest);
  forget_served();
  for (const auto& connection : connections_) {
    if (connection->state == Connection::State::ready)
      effects_.set_line_limit(connection->id, settings_.max_line_length);
  }
  if (state_ == PeerState::given_up || state_ == PeerState::paused) return resume(now);
  if (state_ == PeerState::up) open_what_is_missing(now);
  recompute_deadline();
}

void PeerEngine::drain(TimePoint now, TimePoint until) {
  if (state_ == PeerState::stopped) return;
  set_state(now, PeerState::draining);
  pause_until_ = never;
  drain_until_ = std::min(drain_until_, until);
  wind_down(now, drain_until_);
  finish_drain();
  recompute_deadline();
}

void PeerEngine::pause(TimePoint now, TimePoint until) {
  if (state_ == PeerState::draining || state_ == PeerState::stopped) return;
  if (state_ != PeerState::paused)
    effects_.log(Severity::notice, "Taken out of service by an administrator: requests get con_lost");
  set_state(now, PeerState::paused);
  pause_until_ = std::min(pause_until_, until);
  wind_down(now, pause_until_);
  recompute_deadline();
}

void PeerEngine::resume(TimePoint now) {
  if (state_ != PeerState::paused) return reconnect(now);
  effects_.log(Severity::notice, "Put back into service");
  end_leaving_connections(now);
  pause_until_ = never;
  lost_because_.clear();
  waiting_since_ = away_since_ = now;
  const bool is_connected = count_ready() > 0;
  set_state(now, is_connected ? PeerState::up : PeerState::starting);
  reconnect(now);
  if (is_connected) pump_delayed(now);
}

// Nothing new is taken: what has begun comes to its end.
void PeerEngine::wind_down(TimePoint now, TimePoint until) {
  next_attempt_ = never;
  give_back_delayed();
  fail_queue();
  std::vector<ConnectionId> opening;
  for (const auto& connection : connections_) {
    if (connection->is_idle()) leave(now, *connection);
    if (connection->is_opening()) opening.push_back(connection->id);
  }
  for (const ConnectionId id : opening) end_connection(now, id, Errc::draining);
  if (now >= until) end_all_connections(now, Errc::draining);
}

bool PeerEngine::is_out_of_service() const {
  return state_ == PeerState::paused || state_ == PeerState::draining || state_ == PeerState::stopped;
}

PeerStatus PeerEngine::status() const {
  PeerStatus status;
  status.peer_id = settings_.peer_id;
  status.state = state_;
  status.state_since = state_since_;
  status.text = status_text();
  status.connections = count_ready();
  status.opening = count_opening();
  for (const auto& connection : connections_) status.in_flight += connection->batch.requests().size();
  status.queued = queue_.size();
  status.failed_in_a_row = backoff_.failures();
  status.next_attempt = next_attempt_;
  status.last_error = last_error_;
  status.last_error_at = last_error_at_;
  status.lost_because = lost_because_;
  status.delayed_waiting = delayed_->waiting;
  status.delayed_attempts = delayed_->attempts + (delayed_->is_unjudged ? 1 : 0);
  if (delayed_->has_failed()) status.delayed_tried = delayed_->tried;
  status.counters = counters_;
  status.round_trips = round_trips_;
  return status;
}

}  // namespace lonc::core
