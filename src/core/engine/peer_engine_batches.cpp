// The path of a request: accepted from a client, queued or written together with others, and answered when the answers
// to its whole batch have arrived.

#include <lonc/core/base/error.hpp>
#include <lonc/core/base/text.hpp>
#include <lonc/core/engine/peer_engine.hpp>

#include <algorithm>
#include <utility>

namespace lonc::core {

namespace {

constexpr std::size_t most_wire_kept = 16 * 1024;

// How long to wait for a fence that must be the next line, or that must have been the last one.
constexpr Duration fence_patience = std::chrono::seconds{5};

}  // namespace

void PeerEngine::client_line(TimePoint now, ClientId client, std::string_view line) {
  ++counters_.requests;
  if (line == "close_connection_exit") return close_on_request(now, client);
  if (state_ == PeerState::up) {
    const bool is_together = may_go_together(line);
    if (queue_.empty() && !delayed_.holds_live(now) && !gathers(now, is_together)) {
      while (Connection* const connection = connections_.idle()) {
        if (send(now, *connection, {.client = client, .accepted = now}, line, is_together)) return;
      }
    }
    // A connection that has just turned out to be dead may have been the last one; then the state has changed.
    if (state_ == PeerState::up) return enqueue(now, client, line, is_together);
  }
  // A ping may be the call-back caused by our own pong: its sender waits for us while we wait for it.
  const bool may_wait = line != "ping" && now < waiting_since_ + settings_.connect_wait;
  if (state_ == PeerState::starting && may_wait) return enqueue(now, client, line, may_go_together(line));
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
  reporter_.no_memory(now);
  answer_con_lost(client);
}

void PeerEngine::client_gone(ClientId client) {
  if (queue_.remove(client) && queue_.empty()) gather_until_ = {};
}

// All requests of a batch wait for its last answer, and if the batch fails, any of them may have been executed. So only
// requests that are quick and read-only are batched.
bool PeerEngine::may_go_together(std::string_view line) const {
  if (settings_.pipeline_depth <= 1 || is_encrypted_request(line)) return false;
  // The command, unless the request is malformed.
  const std::string_view word{line.begin(), std::ranges::find_if_not(line, is_word_byte)};
  return settings_.pipeline_safe.contains(word);
}

// If a batch in flight will end within a moment, a request waits for its end, and is then sent together with all that
// have arrived until then: one write and one read for all of them, and connections that a burst has opened become idle
// again.
bool PeerEngine::gathers(TimePoint now, bool is_together) const {
  if (!is_together || !policy_.is_quick() || policy_.limit(now, settings_.pipeline_depth) == 1) return false;
  return std::ranges::any_of(connections_, [now](const auto& connection) {
    return connection->has_quick_batch && now - connection->batch.written() < BatchPolicy::moment;
  });
}

void PeerEngine::enqueue(TimePoint now, ClientId client, std::string_view line, bool is_together) {
  if (queue_.size() >= settings_.max_queue) {
    reporter_.incident(now, "the queue is full: " + std::to_string(queue_.size()) +
                                " requests wait for a connection (max-queue); further ones are answered con_lost");
    return answer_con_lost(client);
  }
  if (gather_until_ == TimePoint{} && gathers(now, is_together)) gather_until_ = now + BatchPolicy::moment;
  queue_.push({client, now, std::string(line)}, is_together);
  lower_deadline(queue_deadline());
  if (state_ == PeerState::up) open_what_is_missing(now);
}

void PeerEngine::dispatch(TimePoint now) {
  while (state_ == PeerState::up) {
    // Sending a request that the peer would not answer in the time that is left would waste the peer's time, and the
    // time of the requests behind it.
    const Duration needed = std::min(policy_.usual_time(), settings_.request_timeout / 4);
    expire_queue_before(now - settings_.request_timeout + needed);
    const bool has_live = !queue_.empty() && !delayed_.holds_live(now);
    const bool has_delayed = can_send_delayed(now);
    if (!has_live && !has_delayed) break;
    Connection* const connection = connections_.idle();
    if (connection == nullptr) break;
    // Live and delayed requests alternate, so that neither starves the other.
    if (has_delayed && !(has_live && is_live_turn_)) {
      send_delayed(now, *connection);
    } else {
      send_queued(now, *connection);
    }
  }
  if (queue_.empty()) gather_until_ = {};
}

void PeerEngine::send_queued(TimePoint now, Connection& connection) {
  is_live_turn_ = false;
  const std::size_t most = policy_.limit(now, settings_.pipeline_depth);
  const std::size_t together = queue_.is_together_next() ? std::min(most, queue_.together()) : 0;
  if (together < 2) {
    const QueuedRequest& next = queue_.front();
    if (send(now, connection, {.client = next.client, .accepted = next.accepted}, next.line, queue_.is_together_next()))
      queue_.pop();
    return;
  }
  // Reserve the memory in one step: the memory of a long batch is freed afterwards, so it would otherwise grow, and be
  // copied, each time.
  std::size_t bytes = Batch::fence.size();
  for (std::size_t number = 0; number != together; ++number) bytes += queue_.together(number).line.size() + 1;
  wire_.clear();
  wire_.reserve(bytes);
  for (std::size_t number = 0; number != together; ++number) {
    const QueuedRequest& next = queue_.together(number);
    outgoing_.push_back({.client = next.client,
                         .accepted = next.accepted,
                         .is_ping = next.line == Batch::fence,
                         .word = command_word(next.line)});
    wire_.append(next.line).push_back('\n');
  }
  wire_.append(Batch::fence);
  if (write_batch(now, connection, wire_, {.is_fenced = true, .is_quick = true})) queue_.pop_together(together);
}

bool PeerEngine::send(TimePoint now, Connection& connection, Batch::Request request, std::string_view line,
                      bool is_together) {
  request.word = command_word(line);
  request.is_ping = line == Batch::fence;
  // lond closes the connection after its answer to `exit`.
  const bool is_fenced = policy_.is_fenced(now, settings_.pipeline_depth) && request.word != "exit";
  outgoing_.push_back(std::move(request));
  if (is_encrypted_request(line)) {
    connection.cipher->encrypt(line.substr(encrypt_prefix.size()), wire_);
    line = wire_;
  } else if (is_fenced) {
    wire_ = line;
  }
  if (is_fenced) line = wire_.append("\n").append(Batch::fence);
  return write_batch(now, connection, line, {.is_fenced = is_fenced, .is_quick = is_together});
}

// Nothing that takes time happens between the check and the writing. False if the connection was not quiet: it is then
// closed, and the peer may have been lost with it.
bool PeerEngine::write_batch(TimePoint now, Connection& connection, std::string_view lines, Written written) {
  const std::error_code error = effects_.check_quiet(connection.id);
  if (!error) write(connection.id, lines);
  give_back_excess(wire_, most_wire_kept);  // `lines` may have pointed into it
  if (error) {
    outgoing_.clear();
    end_connection(now, connection.id, error);
    return false;
  }
  Batch& batch = connection.batch;
  batch.begin(now, outgoing_, written.is_fenced ? std::string_view(fence_answers_) : std::string_view(),
              policy_.has_doubled_line_ends());
  outgoing_.clear();
  connection.heard_at = now;
  connection.has_quick_batch = written.is_quick;
  lower_deadline(batch_deadline(connection));
  return true;
}

void PeerEngine::write(ConnectionId connection, std::string_view lines) {
  counters_.bytes_sent += lines.size() + 1;
  effects_.write_lines(connection, lines);
}

// The time in our own queue is not the peer's: a connection is judged by the time since its batch was written.
TimePoint PeerEngine::answer_due(const Batch& batch) const {
  return batch.written() +
         (batch.requests().front().is_delayed ? settings_.delayed_timeout : settings_.request_timeout);
}

// The next time at which something must be done about the batch. A client may time out before the peer does, because
// its time started when the request was accepted.
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

std::size_t PeerEngine::received_all(TimePoint now, ConnectionId id, bool is_mid_line) {
  if (Connection* const connection = connections_.find(id)) {
    if (connection->state == Connection::State::handshaking) {
      handshake_lines(now, *connection, is_mid_line);
    } else if (connection->state == Connection::State::ready) {
      reply_lines(now, *connection, is_mid_line);
    }
  }
  const Connection* const connection = connections_.find(id);  // it may have ended
  return connection == nullptr ? 0 : connection->batch.bytes();
}

void PeerEngine::reply_lines(TimePoint now, Connection& connection, bool is_mid_line) {
  const Batch& batch = connection.batch;
  connection.heard_at = now;
  if (!batch.is_in_flight()) {
    if (is_mid_line) end_connection(now, connection.id, Errc::out_of_turn);
    return;
  }
  switch (batch.verdict(is_mid_line)) {
    case Batch::Verdict::open:
      if (is_mid_line || !(batch.has_early_fence() || may_lack_fence(now, connection))) return;
      connection.fence_deadline = now + fence_patience;
      return lower_deadline(connection.fence_deadline);
    case Batch::Verdict::wrong:
      // Two lines for one request, and the second is not a copy of the first: the fence was answered with something
      // else.
      if (is_first_batch(now, connection) && batch.lines() == 2 && !is_mid_line && batch.answer(0) != batch.answer(1) &&
          !batch.is_fence_answer(batch.answer(0)) && !batch.is_fence_answer(batch.answer(1)))
        return answer_without_fence(now, connection);
      // Another lond with another id may be there by now.
      if (!connection.has_answered) pong_sent_ = false;
      return end_connection(now, connection.id, Errc::out_of_turn);
    case Batch::Verdict::complete:
      return batch_answered(now, connection);
  }
}

// On a connection that has answered nothing yet, the first line is the answer, whatever happens to the fence. This
// applies only if no fence has worked recently: a peer that makes mistakes must not get rid of the fence.
bool PeerEngine::is_first_batch(TimePoint now, const Connection& connection) const {
  return policy_.mode(now) == BatchPolicy::Mode::untried && !connection.has_answered &&
         !policy_.has_fence(now, settings_.pipeline_trust) && connection.batch.requests().size() == 1 &&
         connection.batch.is_fenced();
}

bool PeerEngine::may_lack_fence(TimePoint now, const Connection& connection) const {
  return is_first_batch(now, connection) && connection.batch.has_sole_answer();
}

// The connection is not used again, because the answer to the fence may still arrive.
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
  if (!connection.is_outdated) {
    policy_.answered(now, requests, time, settings_.pipeline_depth);
    note_mode(now);
  }
  if (empty_lines != 0) note_empty_lines(now, empty_lines);

  if (is_exit) return end_connection(now, id, Errc::exit_sent);
  connection.idle_since = now;
  if (is_out_of_service()) return leave(now, connection);
  if (connection.is_outdated) return end_connection(now, id, Errc::address_changed);
  if (!queue_.empty() || can_send_delayed(now)) dispatch(now);
  if (connections_.size() > settings_.min_connections) lower_deadline(now + settings_.idle_timeout);
}

// Passes the answers on to the clients that asked. False if an answer cannot be decoded: then no client is given
// anything, and the connection has ended.
bool PeerEngine::hand_out(TimePoint now, Connection& connection) {
  Batch& batch = connection.batch;
  const std::size_t requests = batch.requests().size();
  for (std::size_t number = 0; number != requests; ++number) {
    if (!is_encrypted_reply(batch.answer(number))) continue;
    const std::error_code error = connection.cipher->decrypt(batch.answer(number), wire_);
    if (!error) continue;
    reporter_.incident(now, "the reply to " + batch.requests()[number].word + " cannot be decoded: " + error.message() +
                                "; " + remedy_for(error));
    end_connection(now, connection.id, error);
    return false;
  }
  if (!std::exchange(connection.has_answered, true)) connections_.worked();
  connection.answered_at = now;
  connection.has_quick_batch = false;
  if (!connection.is_outdated) attempts_.worked();
  const Duration time = now - batch.written();
  // Code that runs for an answer must not find the batch still in flight.
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
      delayed_.answered(now, line);
      delayed_has_ended();
    } else if (!request.is_answered) {
      ++counters_.replies;
      round_trips_.add(time);
      effects_.reply(request.client, line);
    }
  }
  answered_.clear();
  give_back_excess(wire_, most_wire_kept);
  return true;
}

// A lond of 2002 may end a reply with two line ends. Between the answers to several requests such a line could not be
// distinguished from an empty answer.
void PeerEngine::note_empty_lines(TimePoint now, std::size_t lines) {
  counters_.empty_lines += lines;
  if (policy_.has_doubled_line_ends()) return;
  policy_.doubles_line_ends();
  reporter_.doubled_line_ends(now);
}

// The peer has broken a batch.
void PeerEngine::distrust(TimePoint now) {
  policy_.broke(now, settings_.pipeline_trust);
  note_mode(now);
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

// Answers con_lost to the requests that were accepted at that time or earlier. Requests wait in order of arrival.
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
