// The peer's name has another address: its traffic moves there.
#include "engine_connection.hpp"

#include <lonc/core/error.hpp>
#include <lonc/core/peer_engine.hpp>

namespace lonc::core {

// What is idle is closed now, what is in flight may end first. A connection to the new address is opened where one is
// missing, as after any loss; requests wait for it.
void PeerEngine::address_changed(TimePoint now, const std::vector<ConnectionId>& outdated) {
  if (is_out_of_service()) return;
  std::vector<ConnectionId> idle;
  std::size_t busy = 0;
  for (const ConnectionId id : outdated) {
    Connection* const connection = find(id);
    if (connection == nullptr || connection->state != Connection::State::ready || connection->is_outdated) continue;
    if (connection->is_idle()) {
      idle.push_back(id);
    } else {
      ++busy;
    }
    connection->is_outdated = true;
  }
  if (idle.empty() && busy == 0) return;
  effects_.log(Severity::notice, "The name has another address now: " + std::to_string(idle.size()) +
                                     " connections to the old one are closed, and " + std::to_string(busy) +
                                     " when what is in flight there has ended");
  pong_sent_ = false;  // another lond may call itself by another id
  for (const ConnectionId id : idle) end_connection(now, id, Errc::address_changed);
  if (state_ == PeerState::up) open_what_is_missing(now);
  recompute_deadline();
}

}  // namespace lonc::core
