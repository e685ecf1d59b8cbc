#include <lonc/core/engine/connection_set.hpp>

#include <lonc/core/base/error.hpp>

#include <chrono>
#include <utility>

namespace lonc::core {

std::size_t ConnectionSet::count_ready() const {
  return static_cast<std::size_t>(std::ranges::count_if(connections_, &Connection::is_usable));
}

std::size_t ConnectionSet::count_opening() const {
  return static_cast<std::size_t>(std::ranges::count_if(connections_, &Connection::is_opening));
}

Connection* ConnectionSet::find(ConnectionId id) {
  const auto at = std::ranges::find(connections_, id, &Connection::id);
  return at == connections_.end() ? nullptr : at->get();
}

Connection* ConnectionSet::idle() {
  const auto at = std::ranges::find_if(connections_, &Connection::is_idle);
  return at == connections_.end() ? nullptr : at->get();
}

Connection* ConnectionSet::surplus(TimePoint now) {
  if (!has_surplus()) return nullptr;
  const auto at = std::find_if(connections_.rbegin(), connections_.rend(), [&](const auto& connection) {
    return connection->is_idle() && now >= connection->idle_since + settings_.idle_timeout;
  });
  return at == connections_.rend() ? nullptr : at->get();
}

ConnectionId ConnectionSet::add(bool send_pong) {
  const ConnectionId id{++last_id_};
  connections_.push_back(std::make_unique<Connection>(id, settings_, send_pong));
  return id;
}

std::unique_ptr<Connection> ConnectionSet::take(ConnectionId id) {
  const auto at = std::ranges::find(connections_, id, &Connection::id);
  if (at == connections_.end()) return nullptr;
  auto connection = std::move(*at);
  connections_.erase(at);
  if (connection->is_outdated) --outdated_;
  return connection;
}

void ConnectionSet::opened() {
  if (count_ready() > served_) served_ = 0;
}

void ConnectionSet::failed(TimePoint now) {
  // Each further connection that stays silent costs the peer a slot in its backlog: the longest pause is ten times that
  // of other attempts.
  const Duration pause = backoff_.next(settings_.backoff_first, 10 * settings_.backoff_longest);
  not_before_ = std::max(not_before_, now + std::max(pause, attempt_spacing));
}

// A preforking lond serves as many connections as it has children: its kernel accepts a further one, and
// then nothing happens. That is no fault of the peer, which is working.
bool ConnectionSet::further_failed(TimePoint now, std::error_code error) {
  failed(now);
  if (error != Errc::handshake_silent && error != Errc::handshake_closed && error != Errc::connect_timeout)
    return false;
  // It serves no more than it has. It is tried again after this time.
  constexpr Duration served_for = std::chrono::minutes{1};
  not_before_ = std::max(not_before_, now + served_for);
  const std::size_t ready = count_ready();
  return std::exchange(served_, ready) != ready;
}

bool ConnectionSet::forget_served() {
  backoff_.reset();
  not_before_ = {};
  return std::exchange(served_, 0) != 0;
}

}  // namespace lonc::core
