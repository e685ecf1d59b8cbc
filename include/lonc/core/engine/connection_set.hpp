// The connections of one peer: which is idle, how many there are of each kind, and how many more to open.
#pragma once

#include <lonc/core/base/types.hpp>
#include <lonc/core/engine/attempt_schedule.hpp>
#include <lonc/core/engine/batch.hpp>
#include <lonc/core/engine/peer_settings.hpp>
#include <lonc/core/wire/handshake.hpp>
#include <lonc/core/wire/session_cipher.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <system_error>
#include <vector>

namespace lonc::core {

// A connection to lond as PeerEngine sees it.
struct Connection {
  enum class State {
    waiting,      // net was asked to open it and has not begun
    connecting,   // name and TCP
    handshaking,  // TCP is up
    ready,        // carries requests
    leaving,      // our own `exit` has been written
  };

  Connection(ConnectionId connection_id, const PeerSettings& settings, bool send_pong)
      : id(connection_id), handshake(settings.peer_id, settings.own_id, send_pong, settings.is_this_server) {}

  bool is_usable() const { return state == State::ready && !is_outdated; }
  bool is_idle() const { return is_usable() && !batch.is_in_flight(); }
  bool is_leaving() const { return state == State::leaving; }
  bool is_opening() const {
    return state == State::waiting || state == State::connecting || state == State::handshaking;
  }

  ConnectionId id;
  State state = State::waiting;
  Handshake handshake;
  // Set when the connection becomes ready, so that thousands of peers that are away need no memory for it.
  std::unique_ptr<SessionCipher> cipher;
  Batch batch;                      // in flight, while ready
  ReplyLines handshake_lines;       // lines received for the current step of the handshake
  TimePoint step_deadline = never;  // of connecting, of the current step of the handshake, of leaving
  TimePoint fence_deadline = never;  // set while it seems that the fence, or an answer before it, will not arrive
  TimePoint heard_at{};              // the latest bytes from lond since the handshake
  TimePoint ready_since{};
  TimePoint idle_since{};
  TimePoint answered_at{};
  bool is_outdated = false;      // leads to a former address of the peer: takes no new requests
  bool has_answered = false;     // at least one request: the connection works
  bool has_quick_batch = false;  // all requests in flight may be batched with others
};

// The values that determine how many connections there should be while the peer is up.
struct ConnectionNeeds {
  std::size_t fewest = 1;  // min-connections
  std::size_t most = 1;  // max-connections
  std::size_t ready = 0;
  std::size_t existing = 0;  // ready, opening or closing; not those to a former address
  std::size_t waiting_alone = 0;  // requests that need a connection of their own
  std::size_t waiting_together = 0;  // requests that may be batched,
  std::size_t batch_limit = 1;  // at most this many in one batch
};

// How many connections to open now: enough for min-connections, and as many more as the waiting requests would occupy.
constexpr std::size_t connections_to_open(const ConnectionNeeds& needs) {
  const std::size_t batches = (needs.waiting_together + needs.batch_limit - 1) / needs.batch_limit;
  const std::size_t wanted = std::max(needs.fewest, needs.ready + needs.waiting_alone + batches);
  const std::size_t allowed = std::min(wanted, needs.most);
  return allowed > needs.existing ? allowed - needs.existing : 0;
}

// A part of PeerEngine; nothing else calls it.
class ConnectionSet {
 public:
  using List = std::vector<std::unique_ptr<Connection>>;

  // `settings` must outlive it.
  ConnectionSet(const PeerSettings& settings, std::uint64_t seed) : settings_(settings), backoff_(seed) {}

  // In the order in which they were opened.
  List::const_iterator begin() const { return connections_.begin(); }
  List::const_iterator end() const { return connections_.end(); }
  bool empty() const { return connections_.empty(); }
  std::size_t size() const { return connections_.size(); }
  const Connection& last() const { return *connections_.back(); }
  // The ids of those that are so: a list of connections to end, which changes begin() and end().
  template <typename Is>
  std::vector<ConnectionId> ids_of(Is is_so) const {
    std::vector<ConnectionId> ids;
    for (const auto& connection : connections_) {
      if (std::invoke(is_so, *connection)) ids.push_back(connection->id);
    }
    return ids;
  }
  std::size_t count_ready() const;
  std::size_t count_opening() const;
  // Without those that lead to a former address.
  std::size_t count_current() const { return connections_.size() - outdated_; }

  Connection* find(ConnectionId id);
  // The idle connection that was opened first, so that surplus connections become idle. Null if there is none.
  Connection* idle();
  // A connection in excess of min-connections that has been idle for idle-timeout; the latest first. Null if there is
  // none.
  Connection* surplus(TimePoint now);
  bool has_surplus() const { return count_ready() > settings_.min_connections; }

  ConnectionId add(bool send_pong);
  // Null if it does not exist.
  std::unique_ptr<Connection> take(ConnectionId id);
  void leave_behind(Connection& connection) {  // it becomes outdated
    connection.is_outdated = true;
    ++outdated_;
  }

  // --- further connections, in addition to those that are ready
  // While the peer is up, no connection is opened before this time.
  TimePoint not_before() const { return not_before_; }
  // A connection has become ready.
  void opened();
  // A connection has answered for the first time.
  void worked() { backoff_.reset(); }
  // A connection has ended without having been of use.
  void failed(TimePoint now);
  // A further connection could not be established while others are ready. True if served() has changed.
  bool further_failed(TimePoint now, std::error_code error);
  // How many connections the peer serves, if it was found to serve no more than that; 0: not known.
  std::size_t served() const { return served_; }
  // Forgets served(); the next connection may be opened at once. True if served() has changed.
  bool forget_served();

 private:
  const PeerSettings& settings_;
  List connections_;
  std::size_t outdated_ = 0;  // how many of them are outdated
  std::uint64_t last_id_ = 0;
  Backoff backoff_;
  TimePoint not_before_{};
  std::size_t served_ = 0;
};

}  // namespace lonc::core
