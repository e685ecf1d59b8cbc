#include <lonc/core/engine/peer_engine.hpp>

#include <lonc/core/base/error.hpp>
#include <lonc/core/base/text.hpp>

#include <algorithm>
#include <utility>

namespace lonc::core {

PeerEngine::PeerEngine(PeerSettings settings, std::uint64_t seed, Effects& effects)
    : settings_(std::move(settings)),
      effects_(effects),
      attempts_(settings_, seed),
      connections_(settings_, seed + 1),
      fence_answers_(settings_.peer_id),
      delayed_(settings_, effects_, counters_, seed + 2),
      reporter_(settings_, effects_, counters_) {}

void PeerEngine::set_state(TimePoint now, PeerState state) {
  if (state == state_ && state_since_ != TimePoint{}) return;
  state_ = state;
  state_since_ = now;
  effects_.status_changed();
}

void PeerEngine::start(TimePoint now) {
  waiting_since_ = now;
  reporter_.away_from(now);
  set_state(now, PeerState::starting);
  begin_attempt(now);
  recompute_deadline(now);
}

// Apache workers send this on their own initiative, many at once, after they have received con_lost twice. So it closes
// connections that are stuck or have not proven for a while that they work, and leaves alone those that answer.
void PeerEngine::close_on_request(TimePoint now, ClientId client) {
  effects_.close_client(client);
  if (is_out_of_service()) return;
  const auto is_ready = [](const Connection& each) { return each.state == Connection::State::ready; };
  const auto stuck = connections_.ids_of([&](const Connection& each) { return is_ready(each) && is_stuck(now, each); });
  effects_.log(Severity::routine, "Request Close Connection: " + std::to_string(stuck.size()) + " of " +
                                      std::to_string(connections_.ids_of(is_ready).size()) +
                                      " connections do not answer and are closed");
  for (const ConnectionId id : stuck) end_connection(now, id, Errc::close_requested);
  bring_forward(now);
}

// A batch that has received nothing for a while is stuck, and a connection that has answered nothing for long is not
// known to work.
bool PeerEngine::is_stuck(TimePoint now, const Connection& connection) const {
  constexpr Duration stuck_after = std::chrono::seconds{5};
  constexpr Duration unproven_after = std::chrono::seconds{60};
  if (now - connection.ready_since < stuck_after) return false;
  if (connection.batch.is_in_flight()) return now - connection.heard_at >= stuck_after;
  return now - connection.answered_at >= unproven_after;
}

void PeerEngine::deadline(TimePoint now) {
  armed_ = never;
  expire_connections(now);
  if (state_ == PeerState::starting && now >= waiting_since_ + settings_.connect_wait) fail_queue();
  expire_queue_before(now - settings_.request_timeout);
  // Also if the peer was lost: a time in the past must not be armed again.
  if (now >= gather_until_) gather_until_ = {};
  if (state_ == PeerState::up) {
    while (const Connection* const surplus = connections_.surplus(now)) end_connection(now, surplus->id, Errc::idle);
    if (!delayed_.holds_live(now)) end_hold(now);
    pump_delayed(now);
    open_what_is_missing(now);
  } else if (now >= attempts_.next()) {
    begin_attempt(now);
  }
  if (now >= wound_down_at_) end_all_connections(now, Errc::draining);
  finish_drain();
  recompute_deadline(now);
}

// The common path only ever makes the deadline earlier; it is recomputed when it has expired. A request that is
// answered in time therefore costs no timer operation.
void PeerEngine::lower_deadline(TimePoint deadline) {
  if (deadline >= armed_) return;
  armed_ = deadline;
  effects_.set_deadline(deadline);
}

void PeerEngine::recompute_deadline(TimePoint now) {
  TimePoint earliest = std::min(queue_deadline(), attempts_.next());
  if (state_ == PeerState::up) earliest = std::min(earliest, delayed_.deadline());
  if (!connections_.empty()) earliest = std::min(earliest, wound_down_at_);
  const bool has_surplus = connections_.has_surplus();
  for (const auto& connection : connections_) {
    earliest = std::min(earliest, connection->step_deadline);
    if (connection->batch.is_in_flight()) earliest = std::min(earliest, batch_deadline(*connection));
    if (has_surplus && connection->is_idle())
      earliest = std::min(earliest, connection->idle_since + settings_.idle_timeout);
  }
  if (state_ == PeerState::up && count_missing(now) != 0) earliest = std::min(earliest, connections_.not_before());
  if (earliest == armed_) return;
  armed_ = earliest;
  effects_.set_deadline(earliest);
}

// Each program that finds a peer dead sends SIGUSR1, repeatedly. A peer that was tried because of it is therefore left
// to its back-off for a while, and is tried again at the latest when that time is over.
void PeerEngine::reconnect(TimePoint now) {
  constexpr Duration between_sweeps = std::chrono::minutes{1};  // at least, until failures are forgotten once more
  if (is_out_of_service()) return;
  if (state_ == PeerState::up) return try_now(now);
  if (swept_at_ && now < *swept_at_ + between_sweeps) {
    if (connections_.count_opening() > 0) return;
    if (state_ == PeerState::given_up) set_state(now, PeerState::away);
    attempts_.bring_forward_to(*swept_at_ + between_sweeps);
    return lower_deadline(attempts_.next());
  }
  if (connections_.count_opening() == 0 || attempts_.failures() > 0) swept_at_ = now;
  try_now(now);
}

// Forgets failures. How many connections the peer serves is forgotten less often: each further connection costs the
// peer a slot in its backlog.
void PeerEngine::try_now(TimePoint now) {
  if (is_out_of_service()) return;
  attempts_.forget_failures();
  if (!forgotten_at_ || now >= *forgotten_at_ + settings_.backoff_longest) {
    forgotten_at_ = now;
    forget_served();
  }
  if (state_ == PeerState::up) {
    open_what_is_missing(now);
  } else if (connections_.count_opening() == 0) {
    if (state_ == PeerState::given_up) set_state(now, PeerState::away);
    begin_attempt(now);
  }
  recompute_deadline(now);
}

void PeerEngine::apply(TimePoint now, PeerSettings settings, Place place) {
  settings_ = std::move(settings);
  forget_served();
  for (const auto& connection : connections_) {
    if (connection->state == Connection::State::ready)
      effects_.set_line_limit(connection->id, settings_.max_line_length);
  }
  if (place == Place::another) move(now);
  if (state_ == PeerState::given_up || state_ == PeerState::paused) return resume(now);
  if (state_ == PeerState::up) open_what_is_missing(now);
  recompute_deadline(now);
}

void PeerEngine::drain(TimePoint now, TimePoint until) {
  if (state_ == PeerState::stopped) return;
  wound_down_at_ = state_ == PeerState::draining ? std::min(wound_down_at_, until) : until;
  set_state(now, PeerState::draining);
  wind_down(now);
  finish_drain();
  recompute_deadline(now);
}

void PeerEngine::pause(TimePoint now, TimePoint until) {
  if (state_ == PeerState::draining || state_ == PeerState::stopped) return;
  if (state_ != PeerState::paused)
    effects_.log(Severity::routine, "Drained by an administrator: requests get con_lost");
  set_state(now, PeerState::paused);
  wound_down_at_ = std::min(wound_down_at_, until);
  wind_down(now);
  recompute_deadline(now);
}

void PeerEngine::resume(TimePoint now) {
  if (state_ != PeerState::paused) return try_now(now);
  effects_.log(Severity::routine, "Put back into service");
  // `exit` was sent on these connections, so they carry nothing any more.
  for (const ConnectionId id : connections_.ids_of(&Connection::is_leaving)) end_connection(now, id, Errc::draining);
  wound_down_at_ = never;
  waiting_since_ = now;
  reporter_.forget_loss();
  reporter_.away_from(now);
  const bool is_connected = connections_.count_ready() > 0;
  set_state(now, is_connected ? PeerState::up : PeerState::starting);
  try_now(now);
  if (is_connected) pump_delayed(now);
}

// Nothing new is accepted; what has begun may finish.
void PeerEngine::wind_down(TimePoint now) {
  attempts_.plan_none();
  delayed_.give_back();
  fail_queue();
  for (const auto& connection : connections_) {
    if (connection->is_idle()) leave(now, *connection);
  }
  for (const ConnectionId id : connections_.ids_of(&Connection::is_opening)) end_connection(now, id, Errc::draining);
  if (now >= wound_down_at_) end_all_connections(now, Errc::draining);
}

bool PeerEngine::is_out_of_service() const {
  return state_ == PeerState::paused || state_ == PeerState::draining || state_ == PeerState::stopped;
}

PeerStatus PeerEngine::status() const {
  PeerStatus status;
  status.peer_id = settings_.peer_id;
  status.state = state_;
  status.state_since = state_since_;
  status.connections = connections_.count_ready();
  status.opening = connections_.count_opening();
  for (const auto& connection : connections_) status.in_flight += connection->batch.requests().size();
  status.queued = queue_.size();
  status.failed_in_a_row = attempts_.failures();
  status.next_attempt = attempts_.next();
  delayed_.report(status);
  reporter_.report(status, policy_, connections_.served());
  status.counters = counters_;
  status.round_trips = round_trips_;
  return status;
}

// --- the peer has another address, and its traffic moves there

void PeerEngine::address_changed(TimePoint now, const std::vector<ConnectionId>& outdated) {
  if (is_out_of_service()) return;
  std::vector<ConnectionId> ready;
  for (const ConnectionId id : outdated) {
    const Connection* const connection = connections_.find(id);
    if (connection != nullptr && connection->is_usable()) ready.push_back(id);
  }
  if (ready.empty()) return;
  leave_address(now, ready, "The name now has another address");
  pong_sent_ = false;  // another lond may have another id
  attempts_.forget_spacing();
  if (state_ == PeerState::up && connections_.count_ready() == 0) {
    lost_last_connection(now, true, Errc::address_changed);
  } else if (state_ == PeerState::up) {
    open_what_is_missing(now);
  }
  recompute_deadline(now);
}

// Nothing that was learned about the old place applies to the new one, which is tried at once. Attempts to reach the
// old place have not failed: they no longer matter.
void PeerEngine::move(TimePoint now) {
  if (state_ == PeerState::draining || state_ == PeerState::stopped) return;
  attempts_.forget_peer();
  swept_at_.reset();
  forget_served();
  policy_ = {};
  note_mode(now);
  pong_sent_ = false;
  fence_answers_ = settings_.peer_id;
  leave_address(now, connections_.ids_of([](const Connection& each) { return each.is_usable() || each.is_opening(); }),
                "The peer has moved");
  if (state_ != PeerState::paused) lost_last_connection(now, true, Errc::address_changed);
}

// What is in flight may finish; the other connections are closed now.
void PeerEngine::leave_address(TimePoint now, const std::vector<ConnectionId>& outdated, std::string_view why) {
  std::vector<ConnectionId> unused;
  for (const ConnectionId id : outdated) {
    Connection* const connection = connections_.find(id);
    if (!connection->batch.is_in_flight()) unused.push_back(id);
    connections_.leave_behind(*connection);
  }
  if (!outdated.empty())
    effects_.log(Severity::routine, std::string(why) + ": " + counted(unused.size(), "connection") +
                                        " to the old address closed, and " +
                                        std::to_string(outdated.size() - unused.size()) +
                                        " when the requests in flight there have finished");
  for (const ConnectionId id : unused) end_connection(now, id, Errc::address_changed);
}

// --- delayed messages on the path of the requests, and the live requests that wait for them

void PeerEngine::delayed_waiting(TimePoint now, std::size_t messages) {
  delayed_.set_waiting(messages);
  pump_delayed(now);
}

void PeerEngine::delayed_batch(TimePoint now, DelayedBatch batch) {
  delayed_.handed_out(now, std::move(batch));
  if (state_ != PeerState::up) return delayed_.give_back();
  pump_delayed(now);
}

void PeerEngine::withdraw_delayed(TimePoint now) {
  delayed_.give_back();
  if (state_ == PeerState::up) end_hold(now);
}

void PeerEngine::retry_delayed(TimePoint now) {
  delayed_.retry();
  pump_delayed(now);
}

void PeerEngine::end_hold(TimePoint now) {
  if (!delayed_.has_hold()) return;
  delayed_.end_hold();
  if (queue_.empty()) return;
  dispatch(now);
  if (state_ == PeerState::up) open_what_is_missing(now);
}

// Does what is next for the delayed messages, and for the live requests that wait for them.
void PeerEngine::pump_delayed(TimePoint now) {
  if (state_ != PeerState::up) return;
  delayed_.pump(now);
  lower_deadline(delayed_.deadline());
  if (!delayed_.precedes_live(now)) end_hold(now);
  dispatch(now);
  if (can_send_delayed(now) && state_ == PeerState::up) open_what_is_missing(now);
}

void PeerEngine::send_delayed(TimePoint now, Connection& connection) {
  const auto line = delayed_.next_line();
  if (!line || !send(now, connection, {.accepted = now, .is_delayed = true}, *line, false)) return;
  delayed_.sent();
  is_live_turn_ = true;
}

// The message was answered, or its connection has ended.
void PeerEngine::delayed_has_ended() {
  if (state_ != PeerState::up) return delayed_.give_back();
  lower_deadline(delayed_.deadline());
}

}  // namespace lonc::core
