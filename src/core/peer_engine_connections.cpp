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

// Requests that come so soon after each other go out together, so many at most, where the peer was quick last time: one
// that takes long for each answers a burst sooner on several connections.
constexpr Duration gathered_within = std::chrono::milliseconds{1};
constexpr std::size_t most_gathered = 64;
constexpr Duration quick_answer = std::chrono::milliseconds{2};

// A peer that lets a request wait for so long is given a further connection in place of a deeper pipeline.
constexpr Duration pipeline_patience = std::chrono::milliseconds{50};

}  // namespace

PeerEngine::Connection* PeerEngine::find(ConnectionId id) {
  const auto at = std::ranges::find(connections_, id, [](const auto& connection) { return connection->id; });
  return at == connections_.end() ? nullptr : at->get();
}

// The first in order of opening, so that surplus connections fall idle.
PeerEngine::Connection* PeerEngine::idle_connection(TimePoint now) {
  for (;;) {
    const auto at = std::ranges::find_if(connections_, [](const auto& connection) { return connection->is_idle(); });
    if (at == connections_.end()) return nullptr;
    Connection& connection = **at;
    const std::error_code error = effects_.check_quiet(connection.id);
    if (!error) return &connection;
    end_connection(now, connection.id, error);
  }
}

// A request that comes right after others goes with them, though another connection is idle: one write and one read for
// all of them, and what a burst has opened falls idle again. As soon as the oldest of them takes longer, it does not.
PeerEngine::Connection* PeerEngine::connection_for(TimePoint now, std::string_view line) {
  const bool may_pipeline = may_go_behind(now, line);
  Connection* connection = may_pipeline ? busy_connection(now, gathered_within) : nullptr;
  if (connection && (connection->in_flight.size() >= most_gathered || connection->last_round_trip > quick_answer))
    connection = nullptr;
  if (!connection) connection = idle_connection(now);
  if (!connection && may_pipeline) connection = busy_connection(now, longest_pipelined_wait);
  return connection;
}

// A delayed message needs a connection for itself, and with pipelines none would ever fall idle.
bool PeerEngine::may_go_behind(TimePoint now, std::string_view line) const {
  return settings_.pipeline_depth > 1 && !is_encrypted_request(line) &&
         settings_.pipeline_safe.contains(leading_word(line)) && !can_send_delayed(now);
}

// A connection that has requests in flight, none for longer than that, and may take one more. Nothing is written behind a
// request that takes long: should its time run out, those behind it are answered con_lost, too, and may have been
// carried out.
PeerEngine::Connection* PeerEngine::busy_connection(TimePoint now, Duration longest_wait) {
  Connection* best = nullptr;
  for (const auto& connection : connections_) {
    const auto& in_flight = connection->in_flight;
    if (connection->state != Connection::State::ready || in_flight.empty() ||
        in_flight.size() >= settings_.pipeline_depth || !in_flight.back().may_be_followed ||
        now - in_flight.front().written > longest_wait)
      continue;
    if (!best || in_flight.size() < best->in_flight.size()) best = connection.get();
  }
  if (best && now - best->in_flight.front().written >= pipeline_patience) open_what_is_missing(now, 1);
  return best;
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

// While up: the connections that are always kept, and one for each request that waits, and `more`.
void PeerEngine::open_what_is_missing(TimePoint now, std::size_t more) {
  if (now < extra_not_before_) return lower_deadline(extra_not_before_);
  const std::size_t waiting = (holds_live(now) ? 0 : queue_.size()) + (can_send_delayed(now) ? 1 : 0);
  const std::size_t wanted = std::max(settings_.min_connections, count_ready() + waiting + more);
  const std::size_t target = std::min(wanted, settings_.max_connections);
  while (connections_.size() < target) begin_attempt(now);
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

void PeerEngine::line_received(TimePoint now, ConnectionId id, std::string_view line, std::size_t following) {
  Connection* connection = find(id);
  if (!connection) return;
  counters_.bytes_received += line.size() + 1;
  switch (connection->state) {
    case Connection::State::handshaking:
      return handshake_line(now, *connection, line, following);
    case Connection::State::ready:
      return reply_line(now, *connection, line, following);
    case Connection::State::leaving:
      effects_.log(Severity::notice, "Closing " + settings_.peer_id + ": " + escape_outside_text(line));
      return end_connection(now, id, Errc::draining);
    case Connection::State::waiting:
    case Connection::State::connecting:
      return;
  }
}

void PeerEngine::handshake_line(TimePoint now, Connection& connection, std::string_view line, std::size_t following) {
  Handshake& handshake = connection.handshake;
  // lond never speaks ahead. What it says too early would be taken for the answer to the next step.
  if (following != 0) return end_connection(now, connection.id, Errc::handshake_garbage);
  if (const std::error_code error = handshake.on_line(line, wire_)) return end_connection(now, connection.id, error);
  if (const std::string warning = handshake.take_warning(); !warning.empty()) effects_.log(Severity::warning, warning);
  if (handshake.step() == Handshake::Step::done) return became_ready(now, connection);

  const bool is_pong = handshake.step() == Handshake::Step::pong;
  pong_sent_ |= is_pong;
  connection.step_deadline = now + (is_pong ? settings_.pong_timeout : settings_.connect_timeout);
  lower_deadline(connection.step_deadline);
  write(connection.id, wire_);
}

void PeerEngine::became_ready(TimePoint now, Connection& connection) {
  connection.cipher = std::make_unique<SessionCipher>(connection.handshake.session_key());
  connection.state = Connection::State::ready;
  has_failed_last_ = false;
  connection.step_deadline = never;
  connection.ready_since = connection.idle_since = now;
  effects_.set_line_limit(connection.id, settings_.max_line_length);
  if (state_ != PeerState::up) {
    next_attempt_ = never;
    counters_.reconnects += was_up_ ? 1 : 0;
    set_state(now, PeerState::up);
    report_online(now);
    hold_live(now);
  }
  pump_delayed(now);
  if (state_ == PeerState::up) open_what_is_missing(now);
  if (count_ready() > settings_.min_connections) lower_deadline(now + settings_.idle_timeout);
}

void PeerEngine::reply_line(TimePoint now, Connection& connection, std::string_view line, std::size_t following) {
  // More lines than requests: which of them is the answer can not be told, so none is given to anyone.
  if (connection.in_flight.size() <= following) {
    report_incident(now,
                    settings_.peer_id + " spoke out of turn; the connection is closed and its requests get con_lost");
    return end_connection(now, connection.id, Errc::out_of_turn);
  }
  if (is_encrypted_reply(line)) {
    if (const std::error_code error = connection.cipher->decrypt(line, wire_)) {
      report_incident(now, "the reply to " + connection.in_flight.front().word +
                               " can not be decoded: " + error.message() + "; " + remedy_for(error));
      return end_connection(now, connection.id, error);
    }
    line = wire_;
  }
  const InFlight request = connection.in_flight.pop();
  connection.has_answered = true;
  hang_ups_ = 0;
  backoff_.reset();
  extra_backoff_.reset();
  if (request.is_delayed) {
    delayed_reply(now, line);
  } else {
    ++counters_.replies;
    connection.last_round_trip = now - request.written;
    round_trips_.add(connection.last_round_trip);
    effects_.reply(request.client, line);
  }

  // lond hangs up after its answer to `exit`: nothing else may be written to this connection.
  if (request.word == "exit") return end_connection(now, connection.id, Errc::exit_sent);
  if (!connection.in_flight.empty()) {
    if (!queue_.empty()) dispatch(now);
    return;
  }
  connection.idle_since = now;
  if (is_out_of_service()) return leave(now, connection);
  if (!queue_.empty() || !delayed_->batch.empty()) dispatch(now);
  if (connections_.size() > settings_.min_connections) lower_deadline(now + settings_.idle_timeout);
}

// Ends the connection for good: its id is forgotten, so nothing that still comes from it reaches anyone.
void PeerEngine::end_connection(TimePoint now, ConnectionId id, std::error_code error) {
  const auto at = std::ranges::find(connections_, id, [](const auto& connection) { return connection->id; });
  if (at == connections_.end()) return;
  const std::unique_ptr<Connection> connection = std::move(*at);
  connections_.erase(at);
  effects_.close_connection(id);

  const std::string_view awaited =
      connection->state == Connection::State::handshaking ? to_string(connection->handshake.step()) : "";
  if (error != Errc::idle && error != Errc::exit_sent && error != Errc::draining && error != Errc::close_requested)
    note_error(now, error, awaited);
  for (std::size_t number = 0; number != connection->in_flight.size(); ++number) {
    const InFlight& request = connection->in_flight[number];
    if (request.is_delayed) {
      delayed_lost(now, error);
    } else if (error == Errc::reply_too_long && number == 0) {
      // It would be as long the next time: con_lost would make the client try for ever.
      ++counters_.errors;
      effects_.reply(request.client, "error:reply longer than " + std::to_string(settings_.max_line_length) + " bytes");
    } else {
      answer_con_lost(request.client);
    }
  }
  if (state_ == PeerState::draining) return finish_drain();
  if (state_ == PeerState::paused) return;
  if (connection->is_opening()) return attempt_failed(now, error);
  const bool worked = had_worked(now, *connection, error);
  if (!worked) delay_extra(now);
  if (count_ready() == 0) return lost_last_connection(now, worked, error);
  open_what_is_missing(now);
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
  if (state_ == PeerState::up && count_ready() > 0) {
    delay_extra(now);
    return lower_deadline(extra_not_before_);
  }
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

void PeerEngine::expire_connections(TimePoint now) {
  std::vector<std::pair<ConnectionId, std::error_code>> expired;
  for (const auto& connection : connections_) {
    if (now >= connection->step_deadline) {
      const bool is_handshake = connection->state == Connection::State::handshaking;
      const bool is_leaving = connection->state == Connection::State::leaving;
      expired.emplace_back(connection->id, is_leaving     ? Errc::draining
                                           : is_handshake ? Errc::handshake_silent
                                                          : Errc::connect_timeout);
    } else if (!connection->in_flight.empty() && now >= answer_due(connection->in_flight.front())) {
      const InFlight& request = connection->in_flight.front();
      expired.emplace_back(connection->id, Errc::request_timeout);
      if (!request.is_delayed) ++counters_.timeouts;
      report_incident(now, request.word + " was not answered within " +
                               (request.is_delayed ? "delayed-timeout" : "request-timeout") +
                               "; its connection is closed");
    }
  }
  for (const auto& [id, error] : expired) end_connection(now, id, error);
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
