#include <lonc/net/client_limit.hpp>

#include <utility>

namespace lonc::net {

namespace {

bool take_place(std::atomic<std::size_t>& taken, std::size_t limit) {
  if (taken.fetch_add(1) < limit) return true;
  taken.fetch_sub(1);
  return false;
}

}  // namespace

ClientLimit::ClientLimit(std::size_t limit, std::size_t refused_limit) : state_(std::make_shared<State>()) {
  state_->limit = limit;
  state_->refused_limit = refused_limit;
}

std::optional<ClientLimit::Slot> ClientLimit::admit() {
  if (take_place(state_->served, state_->limit)) return Slot(state_, false);
  if (take_place(state_->refused, state_->refused_limit)) return Slot(state_, true);
  return std::nullopt;
}

ClientLimit::Slot& ClientLimit::Slot::operator=(Slot&& other) noexcept {
  if (this != &other) {
    release();
    state_ = std::move(other.state_);
    is_refused_ = other.is_refused_;
  }
  return *this;
}

void ClientLimit::Slot::release() {
  if (const auto state = std::exchange(state_, nullptr)) (is_refused_ ? state->refused : state->served).fetch_sub(1);
}

}  // namespace lonc::net
