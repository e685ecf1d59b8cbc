// The way of a request: taken from a client, kept waiting or written with others, and answered when all of its batch
// are.
#include "engine_connection.hpp"
#include "engine_delayed.hpp"

#include <lonc/core/error.hpp>
#include <lonc/core/peer_engine.hpp>
#include <lonc/core/text.hpp>

#include <algorithm>
#include <utility>

namespace lonc::core {

namespace {

constexpr std::string_view close_command = "close_connection_exit";

// When a fence that must be the next line, or have been the last, is not waited for any longer.
constexpr Duration fence_patience = std::chrono::seconds{5};

}  // namespace

void PeerEngine::client_line(TimePoint now, ClientId client, std::string_view line) {
  ++counters_.requests;
  if (line == close_command) return close_on_request(now, client);
  if (state_ == PeerState::up) {
    const bool may_go_now = queue_.empty() && !holds_live(now) && !gathers(now, line);
    if (may_go_now && send_at_once(now, client, line)) return;
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

void PeerEngine::client_line_refused(TimePoint now, ClientId client) {
  ++counters_.requests;
  report_incident(now,
                  "the memory for long requests and answers (max-client-memory) is used up; long requests are "
                  "answered con_lost");
  answer_con_lost(client);
}

void PeerEngine::client_gone(ClientId client) {
  if (queue_.remove(client) && queue_.empty()) gather_until_ = {};
}

// All of a batch wait for its last answer, and if it breaks all of them may have been carried out. So only what is
// quick and only reads goes with others.
bool PeerEngine::may_go_together(std::string_view line) const {
  return settings_.pipeline_depth > 1 && !is_encrypted_request(line) &&
         settings_.pipeline_safe.contains(leading_word(line));
}

// Where a batch is in flight that will end within a moment, a request waits for its end, and goes with all that have
// come until then: one write and one read for all of them, and what a burst has opened falls idle again.
bool PeerEngine::gathers(TimePoint now, std::string_view line) const {
  if (!policy_.is_quick() || !may_go_together(line) || policy_.limit(now, settings_.pipeline_depth) == 1) return false;
  return std::ranges::any_of(connections_, [now](const auto& connection) {
    return connection->has_quick_batch && now - connection->batch.written() < BatchPolicy::moment;
  });
}

void PeerEngine::enqueue(TimePoint now, ClientId client, std::string_view line) {
  if (queue_.size() >= settings_.max_queue) {
    report_incident(now, "the queue is full: " + std::to_string(queue_.size()) +
                             " requests wait for a connection (max-queue); further ones are answered con_lost");
    return answer_con_lost(client);
  }
  if (gathers(now, line) && gather_until_ == TimePoint{}) gather_until_ = now + BatchPolicy::moment;
  queue_.push({client, now, std::string(line)}, may_go_together(line));
  lower_deadline(queue_deadline());
  if (state_ == PeerState::up) open_what_is_missing(now);
}

void PeerEngine::dispatch(TimePoint now) {
  while (state_ == PeerState::up) {
    drop_hopeless(now);
    const bool has_live = !queue_.empty() && !holds_live(now);
    const bool has_delayed = can_send_delayed(now);
    if (!has_live && !has_delayed) break;
    Connection* const connection = idle_connection();
    if (connection == nullptr) break;
    // Live and delayed ones alternate, so that neither starves the other.
    if (has_delayed && !(has_live && delayed_->is_live_turn)) {
      send_delayed(now, *connection);
    } else {
      send_queued(now, *connection);
    }
  }
  if (queue_.empty()) gather_until_ = {};
}

// False if there is no connection for it now.
bool PeerEngine::send_at_once(TimePoint now, ClientId client, std::string_view line) {
  while (Connection* const connection = idle_connection()) {
    if (send(now, *connection, {.client = client, .accepted = now}, line)) return true;
  }
  return false;
}

void PeerEngine::send_queued(TimePoint now, Connection& connection) {
  delayed_->is_live_turn = false;
  const std::size_t most = policy_.limit(now, settings_.pipeline_depth);
  const std::size_t together = queue_.is_together_next() ? std::min(most, queue_.together()) : 0;
  if (together < 2) {
    const QueuedRequest& next = queue_.front();
    if (send(now, connection, {.client = next.client, .accepted = next.accepted}, next.line)) queue_.pop();
    return;
  }
  wire_.clear();
  for (std::size_t number = 0; number != together; ++number) {
    const QueuedRequest& next = queue_.together(number);
    outgoing_.push_back({.client = next.client, .accepted = next.accepted, .word = command_word(next.line)});
    wire_.append(next.line).push_back('\n');
  }
  wire_.append(Batch::fence);
  if (write_batch(now, connection, wire_, true)) queue_.pop_together(together);
}

bool PeerEngine::send(TimePoint now, Connection& connection, Batch::Request request, std::string_view line) {
  request.word = command_word(line);
  // lond hangs up after its answer to `exit`.
  const bool is_fenced = policy_.is_fenced(now, settings_.pipeline_depth) && request.word != "exit";
  outgoing_.push_back(std::move(request));
  if (is_encrypted_request(line)) {
    connection.cipher->encrypt(line.substr(encrypt_prefix.size()), wire_);
    line = wire_;
  } else if (is_fenced) {
    wire_ = line;
  }
  if (is_fenced) line = wire_.append("\n").append(Batch::fence);
  return write_batch(now, connection, line, is_fenced);
}

// Between the look and the writing lies nothing that takes time. False if the connection was not quiet: it is closed,
// and with it the peer may have been lost.
bool PeerEngine::write_batch(TimePoint now, Connection& connection, std::string_view lines, bool is_fenced) {
  if (const std::error_code error = effects_.check_quiet(connection.id)) {
    outgoing_.clear();
    end_connection(now, connection.id, error);
    return false;
  }
  write(connection.id, lines);
  Batch& batch = connection.batch;
  batch.begin(now, outgoing_, is_fenced ? std::string_view(fence_answers_) : std::string_view(),
              policy_.has_doubled_line_ends());
  outgoing_.clear();
  connection.heard_at = now;
  connection.has_quick_batch =
      !batch.requests().front().is_delayed && settings_.pipeline_safe.contains(batch.requests().front().word);
  lower_deadline(batch_deadline(connection));
  return true;
}

void PeerEngine::write(ConnectionId connection, std::string_view lines) {
  counters_.bytes_sent += lines.size() + 1;
  effects_.write_lines(connection, lines);
}

// The time in our own queue is ours: a connection is judged by the time since its batch was written.
TimePoint PeerEngine::answer_due(const Batch& batch) const {
  return batch.written() +
         (batch.requests().front().is_delayed ? settings_.delayed_timeout : settings_.request_timeout);
}

// The next time at which something has to be done about the batch: its client's patience may end before that with the
// peer, since it began when the request was accepted.
TimePoint PeerEngine::batch_deadline(const Connection& connection) const {
  TimePoint earliest = std::min(answer_due(connection.batch), connection.fence_deadline);
  for (const Batch::Request& request : connection.batch.requests()) {
    if (!request.is_delayed && !request.is_answered)
      earliest = std::min(earliest, request.accepted + settings_.request_timeout);
  }
  return earliest;
}

// --- lines from lond

void PeerEngine::reply_line(TimePoint now, Connection& connection, std::string_view line) {
  Batch& batch = connection.batch;
  connection.heard_at = now;
  connection.fence_deadline = never;
  if (!batch.is_in_flight()) {
    if (!line.empty()) return end_connection(now, connection.id, Errc::out_of_turn);
    return note_empty_lines(now, 1);
  }
  batch.add_line(line);
  if (batch.has_surplus()) return end_connection(now, connection.id, Errc::out_of_turn);
  if (batch.bytes() > settings_.max_line_length + Handshake::line_limit)
    end_connection(now, connection.id, Errc::reply_too_long);
}

void PeerEngine::received_all(TimePoint now, ConnectionId id, bool is_mid_line) {
  Connection* const connection = find(id);
  if (connection == nullptr) return;
  if (connection->state == Connection::State::handshaking) return handshake_lines(now, *connection, is_mid_line);
  if (connection->state != Connection::State::ready) return;
  const Batch& batch = connection->batch;
  connection->heard_at = now;
  if (!batch.is_in_flight()) {
    if (is_mid_line) end_connection(now, id, Errc::out_of_turn);
    return;
  }
  switch (batch.verdict(is_mid_line)) {
    case Batch::Verdict::open:
      if (is_mid_line || !(batch.has_early_fence() || may_lack_fence(now, *connection))) return;
      connection->fence_deadline = now + fence_patience;
      return lower_deadline(connection->fence_deadline);
    case Batch::Verdict::wrong:
      // Two lines for one request, and the second is no copy of the first: the fence was answered with something else.
      if (is_first_batch(now, *connection) && batch.lines() == 2 && !is_mid_line &&
          batch.answer(0) != batch.answer(1) && !batch.is_fence_answer(batch.answer(0)))
        return answer_without_fence(now, *connection);
      // Another lond may be there by now, which calls itself by another id.
      if (!connection->has_answered) pong_sent_ = false;
      return end_connection(now, id, Errc::out_of_turn);
    case Batch::Verdict::complete:
      return batch_answered(now, *connection);
  }
}

// Of a connection that has answered nothing yet the first line is the answer, whatever becomes of the fence. Only where
// none has worked lately: a peer that makes mistakes must not get rid of it.
bool PeerEngine::is_first_batch(TimePoint now, const Connection& connection) const {
  return policy_.mode(now) == BatchPolicy::Mode::untried && !connection.has_answered &&
         !policy_.has_fence(now, settings_.pipeline_trust) && connection.batch.requests().size() == 1 &&
         connection.batch.is_fenced();
}

bool PeerEngine::may_lack_fence(TimePoint now, const Connection& connection) const {
  return is_first_batch(now, connection) && connection.batch.has_sole_answer();
}

// The connection is not used again: the answer to the fence may still come.
void PeerEngine::answer_without_fence(TimePoint now, Connection& connection) {
  policy_.fence_failed(now, settings_.pipeline_trust);
  hand_out(now, connection);
  end_connection(now, connection.id, Errc::fence_unanswered);
}

void PeerEngine::batch_answered(TimePoint now, Connection& connection) {
  Batch& batch = connection.batch;
  const std::size_t requests = batch.requests().size();
  const Duration time = now - batch.written();
  const bool is_exit = batch.requests().front().word == "exit";
  const std::size_t empty_lines = batch.empty_lines();
  const ConnectionId id = connection.id;
  if (!hand_out(now, connection)) return;
  policy_.answered(now, requests, time, settings_.pipeline_depth);
  note_mode(now);
  if (empty_lines != 0) note_empty_lines(now, empty_lines);

  if (is_exit) return end_connection(now, id, Errc::exit_sent);
  connection.idle_since = now;
  if (is_out_of_service()) return leave(now, connection);
  if (connection.is_outdated) return end_connection(now, id, Errc::address_changed);
  if (!queue_.empty() || !delayed_->batch.empty()) dispatch(now);
  if (connections_.size() > settings_.min_connections) lower_deadline(now + settings_.idle_timeout);
}

// Gives the answers to those who asked. False if one can not be decoded: then nobody is given anything, and the
// connection has ended.
bool PeerEngine::hand_out(TimePoint now, Connection& connection) {
  Batch& batch = connection.batch;
  const std::size_t requests = batch.requests().size();
  for (std::size_t number = 0; number != requests; ++number) {
    if (!is_encrypted_reply(batch.answer(number))) continue;
    const std::error_code error = connection.cipher->decrypt(batch.answer(number), wire_);
    if (!error) continue;
    report_incident(now, "the reply to " + batch.requests()[number].word + " can not be decoded: " + error.message() +
                             "; " + remedy_for(error));
    end_connection(now, connection.id, error);
    return false;
  }
  if (!std::exchange(connection.has_answered, true)) extra_backoff_.reset();
  connection.answered_at = now;
  connection.has_quick_batch = false;
  hang_ups_ = 0;
  backoff_.reset();
  const Duration time = now - batch.written();
  // Nothing that is done for an answer may meet a batch that is still in flight.
  std::swap(batch, answered_);
  batch.clear();
  for (std::size_t number = 0; number != requests; ++number) {
    const Batch::Request& request = answered_.requests()[number];
    std::string_view line = answered_.answer(number);
    if (is_encrypted_reply(line)) {
      connection.cipher->decrypt(line, wire_);
      line = wire_;
    }
    if (request.is_delayed) {
      delayed_reply(now, line);
    } else if (!request.is_answered) {
      ++counters_.replies;
      round_trips_.add(time);
      effects_.reply(request.client, line);
    }
  }
  answered_.clear();
  return true;
}

// A lond of 2002 may end a reply with two line ends. Between the answers to several requests such a line could not be
// told from an empty answer.
void PeerEngine::note_empty_lines(TimePoint now, std::size_t lines) {
  counters_.empty_lines += lines;
  if (policy_.has_doubled_line_ends()) return;
  policy_.doubles_line_ends();
  report_incident(now, settings_.peer_id +
                           " has ended a reply with two line ends; such are passed over, and requests go "
                           "to it one at a time");
  effects_.status_changed();
}

// --- what waits

void PeerEngine::answer_con_lost(ClientId client) {
  ++counters_.con_lost;
  effects_.reply(client, "con_lost");
}

void PeerEngine::fail_queue() {
  for (RequestQueue queue = std::exchange(queue_, {}); !queue.empty();) answer_con_lost(queue.pop().client);
  gather_until_ = {};
}

void PeerEngine::expire_queue(TimePoint now) {
  if (state_ == PeerState::starting && now >= waiting_since_ + settings_.connect_wait) return fail_queue();
  expire_queue_before(now - settings_.request_timeout);
}

// What the peer would not answer in the time that is left is not worth its while, nor that of those behind it.
void PeerEngine::drop_hopeless(TimePoint now) {
  const Duration needed = std::min(policy_.usual_time(), settings_.request_timeout / 4);
  expire_queue_before(now - settings_.request_timeout + needed);
}

// Those are answered that were accepted at that time or before it. They wait in the order in which they came.
void PeerEngine::expire_queue_before(TimePoint accepted) {
  while (!queue_.empty() && queue_.front().accepted <= accepted) {
    const ClientId client = queue_.pop().client;
    ++counters_.timeouts;
    answer_con_lost(client);
  }
}

TimePoint PeerEngine::queue_deadline() const {
  if (queue_.empty()) return never;
  TimePoint earliest = queue_.front().accepted + settings_.request_timeout;
  if (state_ == PeerState::starting) earliest = std::min(earliest, waiting_since_ + settings_.connect_wait);
  return gather_until_ == TimePoint{} ? earliest : std::min(earliest, gather_until_);
}

}  // namespace lonc::core
