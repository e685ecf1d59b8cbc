// The life of the peer's connections: attempts, handshake, replies in their order, loss, leaving.
#include "engine_connection.hpp"
#include "engine_delayed.hpp"

#include <lonc/core/error.hpp>
#include <lonc/core/peer_engine.hpp>
#include <lonc/core/text.hpp>

#include <algorithm>
#include <utility>

namespace lonc::core {

namespace {

// Attempts to one peer begin at most this often, whatever asks for them (an operator's command excepted).
constexpr Duration attempt_spacing = std::chrono::seconds{1};

// A connection that was open for so long has been of use, even without one answer.
constexpr Duration works_after = std::chrono::seconds{10};

// A peer that takes a further connection and then is silent serves no more than it has: it is asked again so seldom.
constexpr Duration served_for = std::chrono::minutes{1};

}  // namespace

PeerEngine::Connection* PeerEngine::find(ConnectionId id) {
  const auto at = std::ranges::find(connections_, id, [](const auto& connection) { return connection->id; });
  return at == connections_.end() ? nullptr : at->get();
}

// The first in order of opening, so that surplus connections fall idle.
PeerEngine::Connection* PeerEngine::idle_connection() {
  const auto at = std::ranges::find_if(connections_, [](const auto& connection) { return connection->is_idle(); });
  return at == connections_.end() ? nullptr : at->get();
}

std::size_t PeerEngine::count_ready() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      connections_, [](const auto& connection) { return connection->state == Connection::State::ready; }));
}

std::size_t PeerEngine::count_opening() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(connections_, [](const auto& connection) { return connection->is_opening(); }));
}

void PeerEngine::begin_attempt(TimePoint now) {
  last_attempt_ = now;
  next_attempt_ = never;
  ++counters_.attempts;
  const ConnectionId id{++last_connection_id_};
  connections_.push_back(std::make_unique<Connection>(id, settings_, !pong_sent_));
  effects_.open_connection(id, has_failed_last_ ? AttemptClass::failed_last : AttemptClass::favoured);
}

// How many connections there should be while the peer is up: those that are always kept, and as many more as what waits
// would fill now.
std::size_t PeerEngine::connections_wanted(TimePoint now) const {
  std::size_t waiting = can_send_delayed(now) ? 1 : 0;
  if (!holds_live(now)) {
    const std::size_t batch = policy_.limit(now, settings_.pipeline_depth);
    waiting += queue_.alone();
    if (gather_until_ == TimePoint{}) waiting += (queue_.together() + batch - 1) / batch;
  }
  return std::min(std::max(settings_.min_connections, count_ready() + waiting), settings_.max_connections);
}

void PeerEngine::open_what_is_missing(TimePoint now) {
  const std::size_t wanted = connections_wanted(now);
  if (connections_.size() >= wanted) return;
  if (now < extra_not_before_) return lower_deadline(extra_not_before_);
  while (connections_.size() < wanted) begin_attempt(now);
}

TimePoint PeerEngine::earliest_attempt(TimePoint now) const {
  return last_attempt_ ? std::max(now, *last_attempt_ + attempt_spacing) : now;
}

void PeerEngine::bring_forward(TimePoint now) {
  if (state_ != PeerState::away || count_opening() > 0) return;
  next_attempt_ = std::min(next_attempt_, earliest_attempt(now));
  if (now >= next_attempt_) {
    begin_attempt(now);
  } else {
    lower_deadline(next_attempt_);
  }
}

void PeerEngine::connection_started(TimePoint now, ConnectionId id) {
  Connection* connection = find(id);
  if (!connection) return;
  connection->state = Connection::State::connecting;
  connection->step_deadline = now + settings_.connect_timeout;
  lower_deadline(connection->step_deadline);
}

void PeerEngine::connection_up(TimePoint now, ConnectionId id) {
  Connection* connection = find(id);
  if (!connection) return;
  connection->state = Connection::State::handshaking;
  connection->step_deadline = now + settings_.connect_timeout;
  lower_deadline(connection->step_deadline);
  connection->handshake_lines.expect(1);
  write(id, connection->handshake.start());
}

void PeerEngine::connection_failed(TimePoint now, ConnectionId id, std::error_code error) {
  end_connection(now, id, error);
}

void PeerEngine::connection_closed(TimePoint now, ConnectionId id, std::error_code error) {
  const Connection* connection = find(id);
  if (!connection) return;
  if (connection->state == Connection::State::handshaking) {
    if (error == Errc::connection_closed || error == std::errc::connection_reset) error = Errc::handshake_closed;
    if (error == Errc::reply_too_long) error = Errc::handshake_too_long;
  }
  end_connection(now, id, error);
}

void PeerEngine::line_received(TimePoint now, ConnectionId id, std::string_view line) {
  Connection* connection = find(id);
  if (!connection) return;
  counters_.bytes_received += line.size() + 1;
  switch (connection->state) {
    case Connection::State::handshaking:
      return connection->handshake_lines.add(line);
    case Connection::State::ready:
      return reply_line(now, *connection, line);
    case Connection::State::leaving:
      effects_.log(Severity::notice, "Closing " + settings_.peer_id + ": " + std::string(reply_word(line)));
      return end_connection(now, id, Errc::draining);
    case Connection::State::waiting:
    case Connection::State::connecting:
      return;
  }
}

// lond never speaks ahead. What it says too early would be taken for the answer to the next step.
void PeerEngine::handshake_lines(TimePoint now, Connection& connection, bool is_mid_line) {
  const ReplyLines& lines = connection.handshake_lines;
  if (lines.has_surplus() || (lines.is_complete() && is_mid_line))
    return end_connection(now, connection.id, Errc::handshake_garbage);
  if (lines.is_complete()) handshake_line(now, connection, lines[0]);
}

void PeerEngine::handshake_line(TimePoint now, Connection& connection, std::string_view line) {
  Handshake& handshake = connection.handshake;
  if (const std::error_code error = handshake.on_line(line, wire_)) return end_connection(now, connection.id, error);
  if (const std::string warning = handshake.take_warning(); !warning.empty()) effects_.log(Severity::warning, warning);
  if (const std::string& id = handshake.lond_id(); !id.empty() && id != settings_.peer_id)
    fence_answers_ = settings_.peer_id + " " + id;
  if (handshake.step() == Handshake::Step::done) return became_ready(now, connection);

  const bool is_pong = handshake.step() == Handshake::Step::pong;
  pong_sent_ |= is_pong;
  connection.step_deadline = now + (is_pong ? settings_.pong_timeout : settings_.connect_timeout);
  lower_deadline(connection.step_deadline);
  connection.handshake_lines.expect(1);
  write(connection.id, wire_);
}

void PeerEngine::became_ready(TimePoint now, Connection& connection) {
  connection.cipher = std::make_unique<SessionCipher>(connection.handshake.session_key());
  connection.state = Connection::State::ready;
  has_failed_last_ = false;
  connection.step_deadline = never;
  connection.ready_since = connection.idle_since = connection.answered_at = now;
  connection.handshake_lines.clear();
  effects_.set_line_limit(connection.id, settings_.max_line_length);
  if (state_ != PeerState::up) {
    next_attempt_ = never;
    counters_.reconnects += was_up_ ? 1 : 0;
    set_state(now, PeerState::up);
    report_online(now);
    hold_live(now);
  }
  if (count_ready() > served_) served_ = 0;
  pump_delayed(now);
  if (state_ == PeerState::up) open_what_is_missing(now);
  if (count_ready() > settings_.min_connections) lower_deadline(now + settings_.idle_timeout);
}

// Ends the connection for good: its id is forgotten, so nothing that still comes from it reaches anyone.
void PeerEngine::end_connection(TimePoint now, ConnectionId id, std::error_code error) {
  const auto at = std::ranges::find(connections_, id, [](const auto& connection) { return connection->id; });
  if (at == connections_.end()) return;
  const std::unique_ptr<Connection> connection = std::move(*at);
  connections_.erase(at);
  effects_.close_connection(id);

  const bool is_further = connection->is_opening() && state_ == PeerState::up && count_ready() > 0;
  const std::string_view awaited =
      connection->state == Connection::State::handshaking ? to_string(connection->handshake.step()) : "";
  if (!is_own_doing(error) && !is_further) note_error(now, error, awaited);
  end_batch(now, *connection, error);
  if (state_ == PeerState::draining) return finish_drain();
  if (state_ == PeerState::paused) return;
  if (is_further) return further_attempt_failed(now, error);
  if (connection->is_opening()) return attempt_failed(now, error);
  const bool worked = had_worked(now, *connection, error);
  if (!worked) delay_extra(now);
  if (count_ready() == 0) return lost_last_connection(now, worked, error);
  open_what_is_missing(now);
}

// Whoever is in flight on a connection that has ended gets con_lost, but where the only answer has come as the first
// line.
void PeerEngine::end_batch(TimePoint now, Connection& connection, std::error_code error) {
  Batch& batch = connection.batch;
  if (error == Errc::out_of_turn) report_out_of_turn(now, connection);
  if (!batch.is_in_flight()) return;
  const bool is_end = error == Errc::connection_closed || error == std::errc::connection_reset;
  // Behind an earlier answer it might be a copy of that.
  if (is_end && !connection.has_answered && batch.has_sole_answer()) {
    if (!policy_.has_fence(now, settings_.pipeline_trust)) policy_.fence_failed(now, settings_.pipeline_trust);
    if (hand_out(now, connection)) return note_mode(now);
  }
  const std::size_t requests = batch.requests().size();
  if (requests > 1 && !is_own_doing(error) && error != Errc::out_of_turn) report_broken_batch(now, connection, error);
  for (const Batch::Request& request : batch.requests()) {
    if (request.is_delayed) {
      delayed_lost(now, error);
    } else if (request.is_answered) {
      continue;
    } else if (error == Errc::reply_too_long && requests == 1) {
      // It would be as long the next time: con_lost would make the client try for ever.
      ++counters_.errors;
      effects_.reply(request.client, "error:reply longer than " + std::to_string(settings_.max_line_length) + " bytes");
    } else {
      answer_con_lost(request.client);
    }
  }
  batch.clear();
}

void PeerEngine::end_all_connections(TimePoint now, std::error_code error) {
  const PeerState before = std::exchange(state_, PeerState::draining);  // no connection is opened in between
  while (!connections_.empty()) end_connection(now, connections_.back()->id, error);
  if (state_ != PeerState::stopped) state_ = before;
}

// A peer that lets connections become ready and then hangs up must not be called in a loop: from the second time in a
// row on that counts as a failed attempt. What lonc itself ended says nothing about the peer.
bool PeerEngine::had_worked(TimePoint now, const Connection& connection, std::error_code error) {
  const bool was_of_use = connection.has_answered || now - connection.ready_since >= works_after;
  if (was_of_use) {
    hang_ups_ = 0;
    backoff_.reset();
  }
  // Whoever hangs up after each good answer is called again at once.
  if (connection.has_answered) last_attempt_.reset();
  const bool is_hang_up = error == Errc::connection_closed || error == Errc::out_of_turn ||
                          error == Errc::path_silent || error.category() != lonc_category();
  return !is_hang_up || was_of_use || ++hang_ups_ == 1;
}

void PeerEngine::delay_extra(TimePoint now) {
  extra_not_before_ = std::max(extra_not_before_, now + std::max(extra_backoff_.next(), attempt_spacing));
}

void PeerEngine::lost_last_connection(TimePoint now, bool had_worked, std::error_code error) {
  give_back_delayed();
  lost_because_ = error.message();
  con_lost_at_loss_ = counters_.con_lost;
  away_since_ = now;
  if (!had_worked && count_opening() == 0) return attempt_failed(now, error);
  waiting_since_ = now;
  set_state(now, PeerState::starting);
  lower_deadline(queue_deadline());
  if (count_opening() > 0) return;
  next_attempt_ = earliest_attempt(now);
  if (now >= next_attempt_) return begin_attempt(now);
  lower_deadline(next_attempt_);
}

void PeerEngine::attempt_failed(TimePoint now, std::error_code error) {
  ++counters_.failed_attempts;
  has_failed_last_ = true;
  if (count_opening() > 0) return;
  next_attempt_ = std::max(now + backoff_.next(), earliest_attempt(now));
  if (settings_.max_attempts > 0 && backoff_.failures() >= settings_.max_attempts) next_attempt_ = never;
  set_state(now, next_attempt_ == never ? PeerState::given_up : PeerState::away);
  report_away(now, error);
  fail_queue();
  // Not only lowered: the deadline of this attempt would wake the process for nothing, for each peer that is away.
  recompute_deadline();
}

// A lond that forks ahead serves as many connections as it has children: a further one is accepted by its kernel, and
// then all is silent. That says nothing against the peer, which is at work.
void PeerEngine::further_attempt_failed(TimePoint now, std::error_code error) {
  delay_extra(now);
  if (error == Errc::handshake_silent || error == Errc::handshake_closed || error == Errc::connect_timeout) {
    if (std::exchange(served_, count_ready()) != count_ready()) effects_.status_changed();
    extra_not_before_ = std::max(extra_not_before_, now + served_for);
  }
  lower_deadline(extra_not_before_);
}

void PeerEngine::forget_served() {
  extra_backoff_.reset();
  extra_not_before_ = {};
  if (std::exchange(served_, 0) != 0) effects_.status_changed();
}

void PeerEngine::expire_connections(TimePoint now) {
  std::vector<std::pair<ConnectionId, std::error_code>> expired;
  for (const auto& connection : connections_) {
    if (now >= connection->step_deadline) {
      const bool is_handshake = connection->state == Connection::State::handshaking;
      const bool is_leaving = connection->state == Connection::State::leaving;
      expired.emplace_back(connection->id, is_leaving     ? Errc::draining
                                           : is_handshake ? Errc::handshake_silent
                                                          : Errc::connect_timeout);
    } else if (connection->batch.is_in_flight()) {
      if (now >= answer_due(connection->batch)) {
        expired.emplace_back(connection->id, Errc::request_timeout);
        report_timeout(now, connection->batch);
      } else if (now >= connection->fence_deadline) {
        const bool lacks_fence = may_lack_fence(now, *connection);
        expired.emplace_back(connection->id, lacks_fence ? Errc::fence_unanswered : Errc::out_of_turn);
      } else {
        expire_clients(now, connection->batch);
      }
    }
  }
  for (const auto& [id, error] : expired) {
    Connection* const connection = find(id);
    if (connection != nullptr && error == Errc::fence_unanswered) {
      answer_without_fence(now, *connection);
    } else {
      end_connection(now, id, error);
    }
  }
}

// The time of a client begins when its request is accepted. What its peer is given begins with the writing: so a client
// that waited here for long may leave a place in flight whose answer goes to nobody.
void PeerEngine::expire_clients(TimePoint now, Batch& batch) {
  for (Batch::Request& request : batch.requests()) {
    if (request.is_delayed || request.is_answered || now < request.accepted + settings_.request_timeout) continue;
    request.is_answered = true;
    ++counters_.timeouts;
    answer_con_lost(request.client);
  }
}

void PeerEngine::close_surplus(TimePoint now) {
  for (std::size_t surplus = count_ready(); surplus > settings_.min_connections; --surplus) {
    const auto at = std::ranges::find_if(connections_.rbegin(), connections_.rend(), [&](const auto& connection) {
      return connection->is_idle() && now >= connection->idle_since + settings_.idle_timeout;
    });
    if (at == connections_.rend()) return;
    end_connection(now, (*at)->id, Errc::idle);
  }
}

// Says `exit` on a connection that has nothing in flight. The daemon's own server is not told: it would be asking
// itself, and the answer to that has always been `self_reply`.
void PeerEngine::leave(TimePoint now, Connection& connection) {
  connection.state = Connection::State::leaving;
  if (settings_.peer_id == settings_.own_id) {
    effects_.log(Severity::notice, "Closing " + settings_.peer_id + ": self_reply");
    connection.step_deadline = now;
  } else {
    write(connection.id, "exit");
    connection.step_deadline = std::min({now + settings_.exit_timeout, drain_until_, pause_until_});
  }
  lower_deadline(connection.step_deadline);
}

// They have said `exit`, so they carry nothing any more.
void PeerEngine::end_leaving_connections(TimePoint now) {
  std::vector<ConnectionId> leaving;
  for (const auto& connection : connections_) {
    if (connection->state == Connection::State::leaving) leaving.push_back(connection->id);
  }
  for (const ConnectionId id : leaving) end_connection(now, id, Errc::draining);
}

void PeerEngine::finish_drain() {
  if (state_ != PeerState::draining || drain_until_ == never || !connections_.empty()) return;
  // What the spool still does for this peer it does first; after that nothing is in flight.
  if (delayed_->is_busy) effects_.return_delayed(std::exchange(delayed_->was_sent, false));
  state_ = PeerState::stopped;
  drain_until_ = never;
  effects_.status_changed();
  effects_.drained();
}

}  // namespace lonc::core
