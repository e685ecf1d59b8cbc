#include <lonc/core/peer_engine.hpp>

#include "engine_connection.hpp"
#include "engine_delayed.hpp"

#include <lonc/core/error.hpp>
#include <lonc/core/text.hpp>

#include <algorithm>
#include <utility>

namespace lonc::core {

namespace {

constexpr std::string_view con_lost = "con_lost";
constexpr std::string_view close_command = "close_connection_exit";

}  // namespace

PeerEngine::PeerEngine(PeerSettings settings, std::uint64_t seed, Effects& effects)
    : settings_(std::move(settings)),
      effects_(effects),
      backoff_(settings_.backoff_first, settings_.backoff_longest, seed),
      extra_backoff_(settings_.backoff_first, settings_.backoff_longest, seed + 1),
      delayed_(std::make_unique<Delayed>(seed + 2)) {}

PeerEngine::~PeerEngine() = default;

void PeerEngine::start(TimePoint now) {
  waiting_since_ = away_since_ = now;
  set_state(now, PeerState::starting);
  begin_attempt(now);
  recompute_deadline();
}

void PeerEngine::client_line(TimePoint now, ClientId client, std::string_view line) {
  ++counters_.requests;
  if (line == close_command) return close_on_request(now, client);
  if (state_ == PeerState::up) {
    const bool may_go_now = queue_.empty() && !holds_live(now);
    Connection* const connection = may_go_now ? connection_for(now, line) : nullptr;
    if (connection) return send(now, *connection, client, now, line);
    // A connection that has just turned out to be dead may have been the last; then the state is another now.
    if (state_ == PeerState::up) return enqueue(now, client, line);
  }
  // A ping may be the call-back of our own pong: whoever makes it waits for us, and we for him.
  const bool may_wait = line != "ping" && now < waiting_since_ + settings_.connect_wait;
  if (state_ == PeerState::starting && may_wait) return enqueue(now, client, line);
  answer_con_lost(client);
  bring_forward(now);
}

void PeerEngine::client_line_too_long(TimePoint, ClientId client) {
  ++counters_.requests;
  ++counters_.errors;
  effects_.reply(client, "error:line longer than " + std::to_string(settings_.max_line_length) + " bytes");
}

void PeerEngine::enqueue(TimePoint now, ClientId client, std::string_view line) {
  if (queue_.size() >= settings_.max_queue) {
    report_incident(now, "the queue is full: " + std::to_string(queue_.size()) +
                             " requests wait for a connection (max-queue); further ones are answered con_lost");
    return answer_con_lost(client);
  }
  queue_.push({client, now, std::string(line)});
  lower_deadline(queue_deadline());
  if (state_ == PeerState::up) open_what_is_missing(now);
}

void PeerEngine::dispatch(TimePoint now) {
  while (state_ == PeerState::up) {
    const bool has_live = !queue_.empty() && !holds_live(now);
    const bool has_delayed = can_send_delayed(now);
    Connection* connection = has_live || has_delayed ? idle_connection(now) : nullptr;
    // Live and delayed ones alternate, so that neither starves the other.
    if (connection && has_delayed && !(has_live && delayed_->is_live_turn)) {
      send_delayed(now, *connection);
      continue;
    }
    // One that may not be pipelined is not overtaken by those that may: it would wait for an idle connection for ever.
    // (Looking for that may have ended the last connection, and the queue with it.)
    if (!connection && has_live && !queue_.empty() && may_go_behind(now, queue_.front().line))
      connection = busy_connection(now, longest_pipelined_wait);
    if (!connection) break;
    delayed_->is_live_turn = false;
    const Queued next = queue_.pop();
    send(now, *connection, next.client, next.accepted, next.line);
  }
}

void PeerEngine::send(TimePoint now, Connection& connection, ClientId client, TimePoint accepted, std::string_view line,
                      bool is_delayed) {
  const bool is_behind = !connection.in_flight.empty();
  InFlight& request = connection.in_flight.push();
  request.client = client;
  request.accepted = accepted;
  request.is_delayed = is_delayed;
  request.written = now;
  request.word = command_word(line);
  // Behind anything but a quick read another client's request would wait for as long as that takes.
  const bool is_encrypted = is_encrypted_request(line);
  if (is_encrypted) line.remove_prefix(encrypt_prefix.size());
  const std::string_view command = leading_word(line);
  request.may_be_followed = !is_delayed && command != "exit" && settings_.pipeline_safe.contains(command) &&
                            !settings_.slow_commands.contains(command);
  if (is_encrypted) {
    connection.cipher->encrypt(line, wire_);
    line = wire_;
  }
  counters_.bytes_sent += line.size() + 1;
  if (is_behind) {
    effects_.write_behind(connection.id, line);
  } else {
    effects_.write_line(connection.id, line);
  }
  lower_deadline(answer_due(request));
}

void PeerEngine::write(ConnectionId connection, std::string_view line) {
  counters_.bytes_sent += line.size() + 1;
  effects_.write_line(connection, line);
}

TimePoint PeerEngine::answer_due(const InFlight& request) const {
  return request.accepted + (request.is_delayed ? settings_.delayed_timeout : settings_.request_timeout);
}

void PeerEngine::answer_con_lost(ClientId client) {
  ++counters_.con_lost;
  effects_.reply(client, con_lost);
}

void PeerEngine::fail_queue() {
  for (Fifo<Queued> queue = std::exchange(queue_, {}); !queue.empty();) answer_con_lost(queue.pop().client);
}

// The requests wait in the order in which they came, so the first to expire is at the front.
void PeerEngine::expire_queue(TimePoint now) {
  if (state_ == PeerState::starting && now >= waiting_since_ + settings_.connect_wait) return fail_queue();
  while (!queue_.empty() && now >= queue_.front().accepted + settings_.request_timeout) {
    const ClientId client = queue_.pop().client;
    ++counters_.timeouts;
    answer_con_lost(client);
  }
}

TimePoint PeerEngine::queue_deadline() const {
  if (queue_.empty()) return never;
  const TimePoint answered_by = queue_.front().accepted + settings_.request_timeout;
  if (state_ != PeerState::starting) return answered_by;
  return std::min(answered_by, waiting_since_ + settings_.connect_wait);
}

void PeerEngine::close_on_request(TimePoint now, ClientId client) {
  effects_.close_client(client);
  if (is_out_of_service()) return;
  effects_.log(Severity::notice, "Request Close Connection: the connections are closed and opened anew");
  if (state_ != PeerState::up) return bring_forward(now);
  end_all_connections(now, Errc::close_requested);
  lost_last_connection(now, true, Errc::close_requested);
}

void PeerEngine::deadline(TimePoint now) {
  armed_ = never;
  expire_connections(now);
  expire_queue(now);
  if (state_ == PeerState::up) {
    close_surplus(now);
    if (!holds_live(now)) end_hold(now);
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
    if (!connection->in_flight.empty()) earliest = std::min(earliest, answer_due(connection->in_flight.front()));
    if (has_surplus && connection->is_idle())
      earliest = std::min(earliest, connection->idle_since + settings_.idle_timeout);
  }
  // What is held waits for the end of the hold, and for no connection.
  const bool waits_for_connection = !queue_.empty() && hold_until_ == TimePoint{};
  const bool wants_more =
      state_ == PeerState::up && (connections_.size() < settings_.min_connections || waits_for_connection);
  if (wants_more && connections_.size() < settings_.max_connections && count_opening() == 0)
    earliest = std::min(earliest, extra_not_before_);
  if (earliest == armed_) return;
  armed_ = earliest;
  effects_.set_deadline(earliest);
}

void PeerEngine::reconnect(TimePoint now) {
  if (is_out_of_service()) return;
  backoff_.reset();
  extra_backoff_.reset();
  extra_not_before_ = now;
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
  extra_backoff_.set_bounds(settings_.backoff_first, settings_.backoff_longest);
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
  for (const auto& connection : connections_) status.in_flight += connection->in_flight.size();
  status.queued = queue_.size();
  status.failed_in_a_row = backoff_.failures();
  status.next_attempt = next_attempt_;
  status.last_error = last_error_;
  status.last_error_at = last_error_at_;
  status.lost_because = lost_because_;
  status.delayed_waiting = delayed_->waiting;
  status.delayed_attempts = delayed_->attempts;
  if (delayed_->attempts > 0) status.delayed_tried = delayed_->tried;
  status.counters = counters_;
  status.round_trips = round_trips_;
  return status;
}

}  // namespace lonc::core
