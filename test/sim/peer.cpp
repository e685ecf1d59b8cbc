#include "sim/peer.hpp"

#include "sim/kernel.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace lonc::sim {

namespace {

constexpr std::string_view own_id = "us";
constexpr std::array<const char*, 12> fault_names{"omit",       "omit_fence", "twice", "fence_twice",
                                                  "copy_later", "unasked",    "empty", "garbled",
                                                  "half",       "half_reset", "late",  "mute"};
constexpr std::array<const char*, 10> state_names{
    "down",      "dead",   "slow_connect", "silent", "refusing", "garbage_handshake",
    "trickling", "frozen", "no_fence",     "slow"};

}  // namespace

Peer::Peer(int number, std::uint64_t seed, Judge& judge)
    : number_(number), draw_(seed, 1000 + static_cast<std::uint64_t>(number)), judge_(judge) {}

void Peer::enter(State state, Time time) {
  World& world = World::get();
  world.count(std::string("state_") + state_names[static_cast<std::size_t>(state)]);
  trace(std::string("is ") + state_names[static_cast<std::size_t>(state)]);
  Time& until = until_[static_cast<std::size_t>(state)];
  until = std::max(until, world.now() + time);
  if (state != State::frozen) return;
  world.at(until, [this] {
    for (const auto& [fd, connection] : std::map(connections_)) read(connection);
  });
}

void Peer::heal() {
  until_.fill(Time::zero());
  answer_faults_.clear();
  most_served_ = SIZE_MAX;
  // Whatever still does not answer, or is slow, is over.
  close_all(false);
}

void Peer::close_all(bool is_reset) {
  trace(is_reset ? "resets its connections" : "closes its connections");
  for (const auto& [fd, connection] : std::map(connections_)) close(connection, is_reset);
}

void Peer::restart(Time time) {
  World::get().count("restart");
  close_all(draw_.percent(50));
  enter(State::down, time);
}

void Peer::speak_unasked(std::string_view bytes) {
  for (const auto& [fd, connection] : std::map(connections_)) {
    if (!connection->is_ready || connection->fd < 0) continue;
    World::get().count("idle_bytes");
    const bool is_first = !std::exchange(connection->has_written, true);
    const bool is_line = bytes.empty();
    add(connection, is_line ? judge_.write({.kind = WrittenLine::Kind::unasked,
                                            .peer = number_,
                                            .is_first = is_first,
                                            .batch = connection->batch},
                                           0) +
                                  "\n"
                            : std::string(bytes));
  }
}

// --- connecting

std::size_t Peer::connections_to(int place) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(connections_, [place](const auto& entry) { return entry.second->place == place; }));
}

Peer::Shared Peer::find(int lonc_fd) const {
  const auto found = connections_.find(lonc_fd);
  return found == connections_.end() ? nullptr : found->second;
}

int Peer::connecting(int fd, int place) {
  World& world = World::get();
  world.count("connects");
  int ends[2];
  if (kernel::pair(ends) != 0) return EMFILE;
  kernel::replace(fd, ends[0]);
  const auto connection = std::make_shared<Connection>();
  connection->id = ++last_id_;
  connection->fd = ends[1];
  connection->lonc_fd = fd;
  connection->place = place;
  connections_[fd] = connection;
  trace("connection " + std::to_string(connection->id) + " begins");
  const bool is_slow = is_in(State::slow_connect) || is_in(State::dead);
  if (is_in(State::down)) connection->connect_error = draw_.percent(80) ? ECONNREFUSED : EHOSTUNREACH;
  if (connection->connect_error != 0 && draw_.percent(50)) {
    world.count("refused");
    kernel::close(std::exchange(connection->fd, -1));
    connections_.erase(fd);
    return connection->connect_error;
  }
  if (!is_slow && connection->connect_error == 0) {
    accept(connection);
    return EINPROGRESS;
  }
  // Not writable before that is read.
  connection->is_pending = true;
  int size = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  const std::string filling(4096, 'f');
  while (kernel::send(fd, filling) > 0) {
  }
  if (is_in(State::dead)) return EINPROGRESS;
  world.after(std::chrono::milliseconds{draw_.below(900)}, [this, connection] {
    if (connection->fd < 0) return;
    if (connection->connect_error == 0) return accept(connection);
    World::get().count("refused");
    kernel::close(std::exchange(connection->fd, -1));
  });
  return EINPROGRESS;
}

int Peer::connect_error(int fd) {
  const Shared connection = find(fd);
  return connection ? connection->connect_error : 0;
}

void Peer::accept(const Shared& connection) {
  if (std::exchange(connection->is_pending, false)) {
    std::array<char, 65536> ignored{};
    while (kernel::receive(connection->fd, ignored.data(), ignored.size()) > 0) {
    }
  }
  const auto served = std::ranges::count_if(
      connections_, [](const auto& entry) { return !entry.second->is_pending && !entry.second->is_mute; });
  connection->is_mute = is_in(State::silent) || static_cast<std::size_t>(served) > most_served_;
  connection->is_trickling = is_in(State::trickling);
  if (connection->is_mute) World::get().count("mute_connections");
}

// --- reading

void Peer::has_written(int fd, std::size_t bytes) {
  const Shared connection = find(fd);
  if (!connection) return;
  connection->written += bytes;
  connection->writes.emplace_back(connection->written, World::get().now());
  World::get().at(World::get().now(), [this, connection] { read(connection); });
}

void Peer::has_closed(int fd) {
  const Shared connection = find(fd);
  if (!connection) return;
  trace("connection " + std::to_string(connection->id) + " was closed by lonc");
  connections_.erase(fd);
  if (connection->fd >= 0) kernel::close(std::exchange(connection->fd, -1));
}

void Peer::read(const Shared& connection) {
  if (is_in(State::frozen)) return;
  std::array<char, 65536> buffer{};
  while (connection->fd >= 0 && !connection->is_pending) {
    const ssize_t got = kernel::receive(connection->fd, buffer.data(), buffer.size());
    if (got <= 0) break;
    connection->in.append(buffer.data(), static_cast<std::size_t>(got));
  }
  std::size_t from = 0;
  for (;;) {
    const std::size_t end = connection->in.find('\n', from);
    if (end == std::string::npos || connection->fd < 0) break;
    const std::uint64_t start = connection->consumed + from;
    const auto write = std::ranges::upper_bound(connection->writes, start, {}, &std::pair<std::uint64_t, Time>::first);
    const Time at = write == connection->writes.end() ? World::get().now() : write->second;
    line(connection, connection->in.substr(from, end - from), at);
    from = end + 1;
  }
  connection->in.erase(0, from);
  connection->consumed += from;
  std::erase_if(connection->writes, [&](const auto& write) { return write.first <= connection->consumed; });
}

void Peer::line(const Shared& connection, std::string line, Time written_at) {
  if (connection->is_mute && !connection->is_ready) return;
  if (connection->is_ready) return request(connection, std::move(line), written_at);
  World::get().after(next_latency(), [this, connection, line = std::move(line)] {
    if (connection->fd >= 0) handshake(connection, line);
  });
}

void Peer::handshake(const Shared& connection, const std::string& line) {
  World& world = World::get();
  if (is_in(State::refusing)) {
    world.count("handshake_refused");
    say(connection, "refused\n");
    return close(connection, false);
  }
  if (is_in(State::garbage_handshake)) {
    world.count("handshake_garbage");
    static constexpr std::array<std::string_view, 6> garbage{"\n", "\x01\x02\n", "12\n34\n", "no such thing",
                                                             "ok", "refused\n"};
    say(connection, draw_.percent(10) ? std::string(5000, '7') : std::string(draw_.of(garbage)));
    if (draw_.percent(30)) close(connection, true);
    return;
  }
  if (line == "init") {
    connection->challenge = std::to_string(draw_.below(1'000'000'000));
    return say(connection, connection->challenge + "\n");
  }
  if (line == "pong") return say(connection, Judge::id_of(number_) + ":" + std::string(own_id) + "\n");
  if (line == "exit") return close(connection, false);
  if (line == "ekey") {
    const std::string key = std::to_string(draw_.next());
    connection->cipher =
        std::make_unique<core::SessionCipher>(core::derive_session_key(Judge::id_of(number_), own_id, key));
    connection->is_ready = true;
    world.count("handshakes");
    return say(connection, key + "\n");
  }
  if (line != connection->challenge) world.violate("handshake", Judge::id_of(number_) + " was sent " + shown(line));
  say(connection, "ok\n");
}

// --- requests and answers

Time Peer::next_latency() {
  if (is_in(State::slow)) return std::chrono::milliseconds{draw_.below(400)};
  return latency_ * static_cast<int>(draw_.below(3)) / 2;
}

void Peer::request(const Shared& connection, std::string line, Time written_at) {
  World& world = World::get();
  Reply reply{.line = std::move(line), .written_at = written_at};
  if (reply.line.starts_with("enc:")) {
    std::string text;
    if (connection->cipher->decrypt(reply.line, text))
      world.violate("garbled", Judge::id_of(number_) + " cannot decrypt " + shown(reply.line));
    reply.line = text;
    reply.is_encrypted = true;
    world.count("encrypted");
  }
  const bool is_fence = reply.line == "ping";
  const bool is_exit = reply.line == "exit";
  const bool lacks = connection->omitted_at >= Time::zero() && connection->omitted_at < written_at;
  const BatchTruth before = *connection->batch;
  const bool may_be_shifted = before.added > 0 && (before.omitted > 0 || !before.is_fenced);
  if (std::exchange(connection->is_batch_over, false)) {
    connection->omitted_at = -1ns;
    connection->batch = std::make_shared<BatchTruth>(
        BatchTruth{        // Without fences nothing finds a line too many, and all that follows is shifted.
                   .added = before.is_fenced ? connection->added_since_fence : before.added});
    connection->added_since_fence = 0;
  }
  const bool is_waiting = std::ranges::any_of(
      connection->replies, [&](const Reply& other) { return other.line != "ping" && other.written_at < written_at; });
  if (is_fence) connection->batch->is_fenced = true;
  const Time noise_at = std::exchange(connection->noise_at, -1ns);
  const bool had_noise = noise_at >= Time::zero() && noise_at < written_at;
  // Where an answer was left out, the line that followed took its place.
  if (!is_fence && had_noise && before.is_fenced && before.omitted == 0)
    world.violate("noise", Judge::id_of(number_) + " was sent " + shown(reply.line) + " on connection " +
                               std::to_string(connection->id) + ", where unasked bytes were waiting");
  if (!is_fence && !is_exit && (is_waiting || lacks) && !may_be_shifted)
    world.violate("out of step", Judge::id_of(number_) + " was sent " + shown(reply.line) + " on connection " +
                                     std::to_string(connection->id) + ", where an earlier request has no answer yet");
  if (!is_fence && std::ranges::any_of(connection->replies, [&](const Reply& other) {
        return other.line != "ping" && other.written_at == written_at;
      }))
    world.count("batched");
  trace("connection " + std::to_string(connection->id) + " gets " + shown(reply.line));
  reply.serial = judge_.received(number_, reply.line, connection->batch);
  connection->replies.push_back(std::move(reply));
  connection->last_due = std::max(connection->last_due, world.now() + next_latency());
  world.at(connection->last_due, [this, connection] { answer_next(connection); });
}

void Peer::answer_next(const Shared& connection) {
  if (connection->fd < 0 || connection->replies.empty()) return;
  const Time blocked_until = std::max(connection->blocked_until, until(State::frozen));
  if (World::get().now() < blocked_until)
    return World::get().at(blocked_until, [this, connection] { answer_next(connection); });
  const Reply reply = std::move(connection->replies.front());
  connection->replies.pop_front();
  answer(connection, reply);
}

std::optional<Peer::Fault> Peer::take_fault(bool is_fence) {
  if (answer_faults_.empty()) return std::nullopt;
  const Fault fault = answer_faults_.front();
  if ((fault.kind == AnswerFault::omit_fence || fault.kind == AnswerFault::fence_twice) != is_fence)
    return std::nullopt;
  answer_faults_.pop_front();
  World::get().count(std::string("fault_") + fault_names[static_cast<std::size_t>(fault.kind)]);
  trace(std::string("fault ") + fault_names[static_cast<std::size_t>(fault.kind)]);
  return fault;
}

// A line that lonc does not expect.
void Peer::add(const Shared& connection, const std::string& text) {
  ++connection->batch->added;
  ++connection->added_since_fence;
  say(connection, text);
  note_noise(*connection, text);
}

// lonc has it before its next request, and must not send that here. An empty line does no harm.
void Peer::note_noise(Connection& connection, const std::string& text) {
  const bool is_idle = connection.replies.empty() && connection.is_batch_over;
  if (is_idle && connection.out.empty() && text != "\n") connection.noise_at = World::get().now();
}

void Peer::answer(const Shared& connection, const Reply& reply) {
  const bool is_ping = reply.line == "ping";
  // A ping may be a client's; the last line of a batch is the fence.
  const bool is_fence = is_ping && connection->replies.empty();
  const auto fault = take_fault(is_fence);
  const auto is = [&](AnswerFault kind) { return fault && fault->kind == kind; };
  if (is(AnswerFault::mute)) connection->is_mute = true;
  if (connection->is_mute || is(AnswerFault::omit) || is(AnswerFault::omit_fence) ||
      (is_ping && is_in(State::no_fence))) {
    ++connection->batch->omitted;
    if (!is_ping) connection->omitted_at = reply.written_at;
    if (is_ping && is_in(State::no_fence)) World::get().count("fences_omitted");
    connection->is_batch_over |= is_fence;
    return;
  }
  if (is(AnswerFault::late)) {
    connection->replies.push_front(reply);
    connection->blocked_until = World::get().now() + fault->amount;
    return answer_next(connection);
  }
  if (reply.line == "exit") {
    say(connection, "bye\n");
    return close(connection, false);
  }
  WrittenLine written{.peer = number_,
                      .request = reply.serial,
                      .is_first = !std::exchange(connection->has_written, true),
                      .batch = connection->batch};
  if (is(AnswerFault::garbled)) written.kind = WrittenLine::Kind::garbled;
  const bool is_last = reply.line.starts_with("get:the:last");
  const std::size_t padding = is_last             ? 0
                              : draw_.percent(1)  ? draw_.below(200'000)
                              : draw_.percent(20) ? draw_.below(70)
                                                  : 0;
  const auto text_of = [&](WrittenLine::Kind kind) {
    if (is_ping) return Judge::id_of(number_) + "\n";
    if (refuses_delayed && reply.line.starts_with("put:delayed") && kind == WrittenLine::Kind::answer)
      return std::string("refused\n");
    written.kind = kind;
    std::string text = judge_.write(written, padding);
    if (reply.is_encrypted && draw_.percent(70)) {
      std::string wire;
      connection->cipher->encrypt(text, wire);
      text = wire;
    }
    return text + "\n";
  };
  const std::string text = text_of(written.kind);
  if (is(AnswerFault::half) || is(AnswerFault::half_reset)) {
    say(connection, text.substr(0, text.size() / 2));
    ++connection->batch->omitted;
    return close(connection, is(AnswerFault::half_reset));
  }
  say(connection, text);
  if (connection->replies.empty() && (is_fence || !connection->batch->is_fenced)) {
    connection->is_batch_over = true;
    connection->added_since_fence = 0;
  }
  if (is(AnswerFault::twice) || is(AnswerFault::fence_twice)) add(connection, text_of(WrittenLine::Kind::copy));
  if (is(AnswerFault::empty)) add(connection, "\n");
  written.request = is(AnswerFault::unasked) ? 0 : written.request;
  if (is(AnswerFault::unasked)) add(connection, text_of(WrittenLine::Kind::unasked));
  if (is(AnswerFault::copy_later)) {
    const std::string copy = text_of(WrittenLine::Kind::copy);
    World::get().after(fault->amount, [this, connection, copy] {
      if (connection->fd >= 0) add(connection, copy);
    });
  }
}

// --- writing

void Peer::say(const Shared& connection, const std::string& text) {
  if (connection->fd < 0) return;
  connection->out += text;
  flush(connection);
}

void Peer::flush(const Shared& connection) {
  while (connection->fd >= 0 && !connection->out.empty() && !connection->is_flush_planned) {
    const bool is_cut = connection->is_trickling || draw_.percent(10);
    const std::size_t most = is_cut ? draw_.size(1, 12) : connection->out.size();
    const ssize_t sent = kernel::send(connection->fd, std::string_view(connection->out).substr(0, most));
    if (sent < 0) return;  // goes on when lonc has read
    connection->out.erase(0, static_cast<std::size_t>(sent));
    if (!is_cut) continue;
    connection->is_flush_planned = true;
    const Time pause = connection->is_trickling ? std::chrono::microseconds{draw_.below(20'000)}
                                                : std::chrono::microseconds{draw_.below(3) * 700};
    World::get().after(pause, [this, connection] {
      connection->is_flush_planned = false;
      flush(connection);
    });
    return;
  }
}

void Peer::has_read(int fd) {
  const Shared connection = find(fd);
  if (!connection || connection->out.empty()) return;
  World::get().at(World::get().now(), [this, connection] { flush(connection); });
}

void Peer::close(const Shared& connection, bool is_reset) {
  if (connection->fd < 0) return;
  read(connection);
  connection->batch->omitted += static_cast<int>(connection->replies.size()) + (connection->out.empty() ? 0 : 1);
  connection->replies.clear();
  // A local socket that is closed with something unread resets the other end.
  if (is_reset) kernel::send(connection->lonc_fd, "x");
  trace("connection " + std::to_string(connection->id) + (is_reset ? " is reset" : " is closed"));
  kernel::close(std::exchange(connection->fd, -1));
  World::get().count(is_reset ? "resets" : "closes");
}

}  // namespace lonc::sim
