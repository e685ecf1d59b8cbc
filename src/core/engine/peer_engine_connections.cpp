// The life of the peer's connections: attempts, handshake, received lines, loss, leaving.

#include <lonc/core/base/error.hpp>
#include <lonc/core/base/text.hpp>
#include <lonc/core/engine/peer_engine.hpp>

#include <algorithm>
#include <utility>

namespace lonc::core {

void PeerEngine::begin_attempt(TimePoint now) {
  attempts_.begun(now);
  ++counters_.attempts;
  const ConnectionId id = connections_.add(!pong_sent_);
  effects_.open_connection(id, attempts_.attempt_class());
}

std::size_t PeerEngine::count_missing(TimePoint now) const {
  ConnectionNeeds needs{.fewest = settings_.min_connections,
                        .most = settings_.max_connections,
                        .ready = connections_.count_ready(),
                        .existing = connections_.count_current(),
                        .waiting_alone = can_send_delayed(now) ? 1U : 0U};
  if (!delayed_.holds_live(now)) {
    needs.waiting_alone += queue_.alone();
    if (gather_until_ == TimePoint{}) {
      needs.waiting_together = queue_.together();
      needs.batch_limit = policy_.limit(now, settings_.pipeline_depth);
    }
  }
  return connections_to_open(needs);
}

// Only while the peer is up.
void PeerEngine::open_what_is_missing(TimePoint now) {
  std::size_t missing = count_missing(now);
  if (missing != 0 && now < connections_.not_before()) return lower_deadline(connections_.not_before());
  for (; missing != 0; --missing) begin_attempt(now);
}

void PeerEngine::attempt_if_due(TimePoint now) {
  if (now >= attempts_.next()) return begin_attempt(now);
  lower_deadline(attempts_.next());
}

void PeerEngine::bring_forward(TimePoint now) {
  if (state_ != PeerState::away || connections_.count_opening() > 0) return;
  attempts_.bring_forward(now);
  attempt_if_due(now);
}

void PeerEngine::connection_started(TimePoint now, ConnectionId id) {
  Connection* connection = connections_.find(id);
  if (!connection) return;
  connection->state = Connection::State::connecting;
  connection->step_deadline = now + settings_.connect_timeout;
  lower_deadline(connection->step_deadline);
}

void PeerEngine::connection_up(TimePoint now, ConnectionId id) {
  Connection* connection = connections_.find(id);
  if (!connection) return;
  connection->state = Connection::State::handshaking;
  connection->step_deadline = now + settings_.connect_timeout;
  lower_deadline(connection->step_deadline);
  connection->handshake_lines.expect(1);
  write(id, connection->handshake.start());
}

void PeerEngine::connection_closed(TimePoint now, ConnectionId id, std::error_code error) {
  const Connection* connection = connections_.find(id);
  if (!connection) return;
  if (connection->state == Connection::State::handshaking) {
    if (error == Errc::connection_closed || error == std::errc::connection_reset) error = Errc::handshake_closed;
    if (error == Errc::reply_too_long) error = Errc::handshake_too_long;
  }
  end_connection(now, id, error);
}

void PeerEngine::line_received(TimePoint now, ConnectionId id, std::string_view line) {
  Connection* connection = connections_.find(id);
  if (!connection) return;
  counters_.bytes_received += line.size() + 1;
  switch (connection->state) {
    case Connection::State::handshaking:
      return connection->handshake_lines.add(line);
    case Connection::State::ready:
      return reply_line(now, *connection, line);
    case Connection::State::leaving:
      effects_.log(Severity::routine, "Closing " + settings_.peer_id + ": " + std::string(reply_word(line)));
      return end_connection(now, id, Errc::draining);
    case Connection::State::waiting:
    case Connection::State::connecting:
      return;
  }
}

// lond never sends anything unasked. A line that arrives too early would be mistaken for the answer to the next step.
void PeerEngine::handshake_lines(TimePoint now, Connection& connection, bool is_mid_line) {
  const ReplyLines& lines = connection.handshake_lines;
  if (lines.has_surplus() || (lines.is_complete() && is_mid_line))
    return end_connection(now, connection.id, Errc::handshake_garbage);
  if (!lines.is_complete()) return;
  Handshake& handshake = connection.handshake;
  if (const auto error = handshake.on_line(lines[0], wire_)) return end_connection(now, connection.id, error);
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
  attempts_.connected();
  connection.step_deadline = never;
  connection.ready_since = connection.idle_since = connection.answered_at = now;
  connection.handshake_lines.clear();
  effects_.set_line_limit(connection.id, settings_.max_line_length);
  if (state_ != PeerState::up) {
    if (reporter_.was_up()) ++counters_.reconnects;
    set_state(now, PeerState::up);
    reporter_.online(now);
    delayed_.begin_hold(now);
  }
  connections_.opened();
  pump_delayed(now);
  if (state_ == PeerState::up) open_what_is_missing(now);
  if (connections_.has_surplus()) lower_deadline(now + settings_.idle_timeout);
}

// Ends the connection for good: its id is forgotten, so nothing that it still receives reaches anyone.
void PeerEngine::end_connection(TimePoint now, ConnectionId id, std::error_code error) {
  const std::unique_ptr<Connection> connection = connections_.take(id);
  if (!connection) return;
  effects_.close_connection(id);

  const bool is_further = connection->is_opening() && state_ == PeerState::up && connections_.count_ready() > 0;
  const std::string_view awaited =
      connection->state == Connection::State::handshaking ? to_string(connection->handshake.step()) : "";
  const bool is_outdated = connection->is_outdated;
  if (!is_own_doing(error) && !is_further && !is_outdated) reporter_.note_error(now, {error, awaited});
  end_batch(now, *connection, error);
  if (state_ == PeerState::draining) return finish_drain();
  if (state_ == PeerState::paused || is_outdated) return;
  if (is_further) {
    if (connections_.further_failed(now, error)) effects_.status_changed();
    return lower_deadline(connections_.not_before());
  }
  if (connection->is_opening()) return attempt_failed(now, error);
  const bool worked = had_worked(now, *connection, error);
  if (!worked) connections_.failed(now);
  if (connections_.count_ready() == 0) return lost_last_connection(now, worked, error);
  open_what_is_missing(now);
}

// Requests in flight on a connection that has ended are answered con_lost, unless the only answer has arrived as the
// connection's first line.
void PeerEngine::end_batch(TimePoint now, Connection& connection, std::error_code error) {
  Batch& batch = connection.batch;
  if (error == Errc::out_of_turn) {
    ++counters_.out_of_turn;
    distrust(now);
    reporter_.out_of_turn(now, batch);
  }
  if (!batch.is_in_flight()) return;
  const bool is_end = error == Errc::connection_closed || error == std::errc::connection_reset;
  // After an earlier answer the line could be a copy of that answer.
  if (is_end && !connection.has_answered && batch.has_sole_answer()) {
    if (!policy_.has_fence(now, settings_.pipeline_trust)) policy_.fence_failed(now, settings_.pipeline_trust);
    if (hand_out(now, connection)) return note_mode(now);
  }
  const std::size_t requests = batch.requests().size();
  if (error == Errc::no_memory_for_reply) {
    reporter_.no_memory(now);
  } else if (requests > 1 && !is_own_doing(error) && error != Errc::out_of_turn) {
    distrust(now);
    reporter_.broken_batch(now, batch, error);
  }
  for (const Batch::Request& request : batch.requests()) {
    if (request.is_delayed) {
      delayed_.lost(now, error);
      delayed_has_ended();
    } else if (request.is_answered) {
      continue;
    } else if (error == Errc::reply_too_long && requests == 1) {
      // It would be just as long the next time: con_lost would make the client retry forever.
      ++counters_.errors;
      effects_.reply(request.client, "error:reply longer than " + std::to_string(settings_.max_line_length) + " bytes");
    } else {
      answer_con_lost(request.client);
    }
  }
  batch.clear();
}

void PeerEngine::end_all_connections(TimePoint now, std::error_code error) {
  const PeerState before = std::exchange(state_, PeerState::paused);  // no connection is opened in between
  while (!connections_.empty()) end_connection(now, connections_.last().id, error);
  state_ = before;
}

// A peer that lets connections become ready and then hangs up must not be called in a loop: from the second consecutive
// time on this counts as a failed attempt. Connections that lonc itself ended say nothing about the peer.
bool PeerEngine::had_worked(TimePoint now, const Connection& connection, std::error_code error) {
  constexpr Duration works_after = std::chrono::seconds{10};  // then it has been of use even without a single answer
  const bool was_of_use = connection.has_answered || now - connection.ready_since >= works_after;
  if (was_of_use) attempts_.worked();
  // A peer that hangs up after each good answer is called again at once.
  if (connection.has_answered) attempts_.forget_spacing();
  const bool is_hang_up = error == Errc::connection_closed || error == Errc::out_of_turn ||
                          error == Errc::path_silent || error.category() != lonc_category();
  return !is_hang_up || was_of_use || attempts_.hung_up();
}

void PeerEngine::lost_last_connection(TimePoint now, bool had_worked, std::error_code error) {
  delayed_.give_back();
  reporter_.lost(now, error);
  if (!had_worked && connections_.count_opening() == 0) return attempt_failed(now, error);
  waiting_since_ = now;
  set_state(now, PeerState::starting);
  lower_deadline(queue_deadline());
  if (connections_.count_opening() > 0) return;
  attempts_.plan_soon(now);
  attempt_if_due(now);
}

void PeerEngine::attempt_failed(TimePoint now, std::error_code error) {
  ++counters_.failed_attempts;
  attempts_.failed();
  if (connections_.count_opening() > 0) return;
  attempts_.plan_after_failure(now);
  const bool is_given_up = attempts_.next() == never;
  set_state(now, is_given_up ? PeerState::given_up : PeerState::away);
  reporter_.away(now, error, is_given_up);
  fail_queue();
  // Not only lowered: the old deadline of this attempt would wake the process for nothing, for each peer that is away.
  recompute_deadline(now);
}

void PeerEngine::forget_served() {
  if (connections_.forget_served()) effects_.status_changed();
}

void PeerEngine::expire_connections(TimePoint now) {
  std::vector<std::pair<ConnectionId, std::error_code>> expired;
  for (const auto& connection : connections_) {
    if (now >= connection->step_deadline) {
      const bool is_handshake = connection->state == Connection::State::handshaking;
      const Errc while_opening = is_handshake ? Errc::handshake_silent : Errc::connect_timeout;
      expired.emplace_back(connection->id, connection->is_leaving() ? Errc::draining : while_opening);
    } else if (connection->batch.is_in_flight()) {
      if (now >= answer_due(connection->batch)) {
        expired.emplace_back(connection->id, Errc::request_timeout);
        for (const Batch::Request& request : connection->batch.requests())
          counters_.timeouts += request.is_delayed || request.is_answered ? 0 : 1;
        reporter_.timeout(now, connection->batch);
      } else if (now >= connection->fence_deadline) {
        const bool lacks_fence = may_lack_fence(now, *connection);
        expired.emplace_back(connection->id, lacks_fence ? Errc::fence_unanswered : Errc::out_of_turn);
      } else {
        expire_clients(now, connection->batch);
      }
    }
  }
  for (const auto& [id, error] : expired) {
    Connection* const connection = connections_.find(id);
    if (connection != nullptr && error == Errc::fence_unanswered) {
      answer_without_fence(now, *connection);
    } else {
      end_connection(now, id, error);
    }
  }
}

// A client's time starts when its request is accepted, the peer's time when the request is written. So a client that
// waited here for long may time out while its request is in flight; the answer then goes to nobody.
void PeerEngine::expire_clients(TimePoint now, Batch& batch) {
  for (Batch::Request& request : batch.requests()) {
    if (request.is_delayed || request.is_answered || now < request.accepted + settings_.request_timeout) continue;
    request.is_answered = true;
    ++counters_.timeouts;
    answer_con_lost(request.client);
  }
}

// Sends `exit` on a connection that has nothing in flight. Not to the daemon's own server: it would be asking itself,
// and the answer to that has always been `self_reply`.
void PeerEngine::leave(TimePoint now, Connection& connection) {
  connection.state = Connection::State::leaving;
  if (settings_.peer_id == settings_.own_id) {
    effects_.log(Severity::routine, "Closing " + settings_.peer_id + ": self_reply");
    connection.step_deadline = now;
  } else {
    write(connection.id, "exit");
    connection.step_deadline = std::min(now + settings_.exit_timeout, wound_down_at_);
  }
  lower_deadline(connection.step_deadline);
}

void PeerEngine::finish_drain() {
  if (state_ != PeerState::draining || !connections_.empty()) return;
  // The spool first completes what it still has to do for this peer.
  delayed_.stop();
  state_ = PeerState::stopped;
  wound_down_at_ = never;
  effects_.status_changed();
  effects_.drained();
}

}  // namespace lonc::core
