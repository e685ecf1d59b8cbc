// The part of PeerSession::Impl that sees whether the peer's name leads elsewhere now.
#include "peer_session_impl.hpp"

#include <chrono>

namespace lonc::net {

// At odd times, so that the names of thousands of peers are not looked up together.
void PeerSession::Impl::look_again_later() {
  if (!address_->is_name()) return;
  std::uniform_real_distribution<> jitter(0.5, 1.5);
  address_timer_.expires_after(std::chrono::duration_cast<core::Duration>(config_.look_again * jitter(random_)));
  address_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self || self->has_ended_) return;
    self->look_again({});
    self->look_again_later();
  });
}

// An attempt looks the name up itself.
void PeerSession::Impl::look_again(core::Duration not_within) {
  const auto now = std::chrono::steady_clock::now();
  if (connections_.empty() || now < looked_again_ + not_within) return;
  looked_again_ = now;
  address_->look_up();
}

// A look-up that failed tells nothing: the connections stay.
void PeerSession::Impl::addresses_known() {
  std::vector<core::ConnectionId> outdated;
  for (const auto& connection : connections_) {
    const auto& endpoint = connection->endpoint();
    if (endpoint && !address_->has(endpoint->address())) outdated.push_back(connection->id());
  }
  if (!outdated.empty()) engine_.address_changed(std::chrono::steady_clock::now(), outdated);
}

}  // namespace lonc::net
