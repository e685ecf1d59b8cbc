#include "sim/client.hpp"

#include "sim/kernel.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace lonc::sim {

namespace {

constexpr std::string_view close_command = "close_connection_exit";

}  // namespace

Client::Client(std::uint64_t number, int peer, Plan plan, ClientWorld& world)
    : number_(number),
      peer_(peer),
      plan_(std::move(plan)),
      world_(world),
      name_("lonc-sim-" + std::to_string(::getpid()) + "-" + std::to_string(number)),
      draw_(world.seed, 10'000 + number) {}

void Client::start() {
  World& world = World::get();
  world.count("clients");
  fd_ = kernel::connect_local(world_.path(peer_), name_);
  if (fd_ < 0) {
    if (fd_ == -EAGAIN) {
      world.after(10ms, [self = shared_from_this()] { self->start(); });
      return;
    }
    if (world_.is_running()) world.violate("no socket", Judge::id_of(peer_) + ": " + std::to_string(-fd_));
    world.count("no_socket");
    is_over_ = true;
    return;
  }
  life_ = world_.life();
  world.trace("client" + std::to_string(number_), "connects to " + Judge::id_of(peer_));
  if (plan_.leaves_at != Time::max())
    world.after(plan_.leaves_at, [self = shared_from_this()] {
      if (!self->is_over_) World::get().count("impatient");
      self->leave();
    });
  send_next();
}

void Client::send_next() {
  if (is_over_ || next_ == plan_.lines.size()) return;
  const std::size_t most = plan_.style == Style::one_by_one ? 1 : plan_.lines.size();
  std::string bytes;
  for (std::size_t count = 0; count != most && next_ != plan_.lines.size(); ++count) {
    bytes += plan_.lines[next_] + "\n";
    asked_.push_back({{peer_, plan_.lines[next_]}, put_ + bytes.size(), false});
    ++next_;
  }
  put_ += bytes.size();
  put(std::move(bytes), plan_.style);
}

void Client::put(std::string bytes, Style style) {
  out_ += bytes;
  style_ = style;
  flush();
}

void Client::flush() {
  while (!is_over_ && !out_.empty() && !is_flush_planned_) {
    const std::size_t most = style_ == Style::byte_by_byte && out_.size() < 2000 ? 1
                             : style_ == Style::pieces                           ? draw_.size(1, 40 + out_.size() / 4)
                                                                                 : out_.size();
    const ssize_t sent = kernel::send(fd_, std::string_view(out_).substr(0, most));
    if (sent < 0) {
      if (errno != EAGAIN) out_.clear();  // the end follows
      return;
    }
    out_.erase(0, static_cast<std::size_t>(sent));
    sent_ += static_cast<std::uint64_t>(sent);
    lines_sent();
    if (most == out_.size() + static_cast<std::size_t>(sent)) continue;
    is_flush_planned_ = true;
    World::get().after(std::chrono::microseconds{draw_.below(4) * 500}, [self = shared_from_this()] {
      self->is_flush_planned_ = false;
      self->flush();
    });
  }
  if (out_.empty() && plan_.half_closes && next_ == plan_.lines.size() && !is_over_ &&
      !std::exchange(has_ended_sending_, true)) {
    World::get().count("half_closed");
    ::shutdown(fd_, SHUT_WR);
  }
}

void Client::lines_sent() {
  for (Asked& asked : asked_) {
    if (asked.is_sent || asked.end > sent_) continue;
    asked.is_sent = true;
    if (asked.request.line != close_command) world_.judge.sent(asked.request);
    if (&asked == &asked_.front()) watch_patience();
  }
}

// The first of its requests must be answered in time.
void Client::watch_patience() {
  if (plan_.is_slow) return;
  const std::uint64_t wait = ++patience_;
  World::get().after(world_.longest_wait(), [self = shared_from_this(), wait] {
    if (self->is_over_ || self->patience_ != wait || self->asked_.empty()) return;
    if (!self->world_.is_running() || self->life_ != self->world_.life()) return;
    World::get().violate("hung", "client" + std::to_string(self->number_) + " has no answer to " +
                                     shown(self->asked_.front().request.line));
  });
}

void Client::look() {
  if (is_over_ || std::exchange(is_look_planned_, true)) return;
  World::get().at(World::get().now(), [self = shared_from_this()] {
    self->is_look_planned_ = false;
    self->flush();
    self->read();
  });
}

void Client::read() {
  std::array<char, 65536> buffer{};
  while (!is_over_ && !is_read_planned_) {
    const std::size_t most = plan_.is_slow ? draw_.size(1, 30) : buffer.size();
    const ssize_t got = kernel::receive(fd_, buffer.data(), most);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return ended();
    in_.append(buffer.data(), static_cast<std::size_t>(got));
    take_lines();
    if (!plan_.is_slow) continue;
    is_read_planned_ = true;
    World::get().after(20ms, [self = shared_from_this()] {
      self->is_read_planned_ = false;
      self->read();
    });
  }
}

void Client::take_lines() {
  std::size_t from = 0;
  for (std::size_t end = 0; !is_over_ && (end = in_.find('\n', from)) != std::string::npos; from = end + 1) {
    const std::string line = in_.substr(from, end - from);
    World::get().trace("client" + std::to_string(number_), "reads " + shown(line));
    // A client for which there is no place is told at once, and so is one whose line is too long.
    const bool is_early = line == "con_lost" ? world_.is_crowded() : line.starts_with("error:");
    if (asked_.empty() || !(asked_.front().is_sent || is_early)) {
      World::get().violate("surplus", "client" + std::to_string(number_) + " reads " + shown(line) + " unasked");
    }
    const Asked asked = std::move(asked_.front());
    asked_.pop_front();
    ++patience_;
    const bool is_of_peer = world_.judge.answered(asked.request, line);
    peer_answers_ += is_of_peer ? 1U : 0U;
    was_refused_ = !is_of_peer;
    if (!asked_.empty() && asked_.front().is_sent) watch_patience();
    answered();
  }
  in_.erase(0, from);
}

void Client::answered() {
  if (!asked_.empty()) return;
  if (next_ == plan_.lines.size()) {
    if (!plan_.stays) return leave();
    return World::get().after(1min, [self = shared_from_this()] { self->leave(); });
  }
  World::get().after(plan_.think, [self = shared_from_this()] { self->send_next(); });
}

void Client::ended() {
  World& world = World::get();
  world.trace("client" + std::to_string(number_), "reads the end");
  if (!in_.empty() && !plan_.is_slow && life_ == world_.life() && world_.is_running())
    world.violate("cut", "client" + std::to_string(number_) + " reads half a line: " + shown(in_));
  const bool is_asked_to_close = !asked_.empty() && asked_.front().request.line == close_command;
  if (is_asked_to_close) world.count("close_exit");
  if (!asked_.empty() && asked_.front().is_sent && !is_asked_to_close) {
    if (life_ != world_.life() || !world_.is_running()) {
      world.count("ended_with_lonc");
    } else if (world_.is_crowded() && (was_refused_ || peer_answers_ == 0)) {
      world.count("ended_refused");
    } else if (plan_.is_slow) {
      world.count("ended_slow");
    } else {
      world.violate("lost", "client" + std::to_string(number_) + " reads the end instead of the answer to " +
                                shown(asked_.front().request.line));
    }
  }
  leave();
}

void Client::leave() {
  if (std::exchange(is_over_, true)) return;
  if (fd_ >= 0) kernel::close(fd_);
}

}  // namespace lonc::sim
