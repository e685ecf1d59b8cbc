#include <lonc/net/connect_gate.hpp>

#include <boost/asio/post.hpp>

#include <list>
#include <mutex>
#include <optional>
#include <utility>

namespace lonc::net {

struct ConnectGate::Waiter {
  std::optional<Strand> strand;  // only while it waits: a strand must not outlive its io_context
  std::function<void()> granted;
  std::list<Waiter*>::iterator place;
  bool is_granted = false;
};

// Everything in it, and in every Waiter, is guarded by `mutex`.
struct ConnectGate::State {
  std::mutex mutex;
  std::size_t limit = 0;
  std::size_t running = 0;
  std::list<Waiter*> waiting;  // their tickets own them

  void grant_free_slots() {
    while (running < limit && !waiting.empty()) {
      Waiter& next = *waiting.front();
      waiting.pop_front();
      ++running;
      next.is_granted = true;
      boost::asio::post(*next.strand, std::exchange(next.granted, nullptr));
      next.strand.reset();
    }
  }
};

ConnectGate::ConnectGate(std::size_t limit) : state_(std::make_shared<State>()) { state_->limit = limit; }

ConnectGate::Ticket ConnectGate::request(const Strand& strand, std::function<void()> granted) {
  auto waiter = std::make_shared<Waiter>();
  const std::lock_guard lock(state_->mutex);
  if (state_->running < state_->limit && state_->waiting.empty()) {
    ++state_->running;
    waiter->is_granted = true;
  } else {
    waiter->strand = strand;
    waiter->granted = std::move(granted);
    waiter->place = state_->waiting.insert(state_->waiting.end(), waiter.get());
  }
  return Ticket(state_, std::move(waiter));
}

void ConnectGate::set_limit(std::size_t limit) {
  const std::lock_guard lock(state_->mutex);
  state_->limit = limit;
  state_->grant_free_slots();
}

std::size_t ConnectGate::running() const {
  const std::lock_guard lock(state_->mutex);
  return state_->running;
}

ConnectGate::Ticket::Ticket(std::shared_ptr<State> state, std::shared_ptr<Waiter> waiter)
    : state_(std::move(state)), waiter_(std::move(waiter)) {}

ConnectGate::Ticket& ConnectGate::Ticket::operator=(Ticket&& other) noexcept {
  if (this != &other) {
    release();
    state_ = std::move(other.state_);
    waiter_ = std::move(other.waiter_);
  }
  return *this;
}

bool ConnectGate::Ticket::is_granted() const {
  if (!state_) return false;
  const std::lock_guard lock(state_->mutex);
  return waiter_->is_granted;
}

void ConnectGate::Ticket::release() {
  const auto state = std::exchange(state_, nullptr);
  const auto waiter = std::exchange(waiter_, nullptr);
  if (!state) return;
  const std::lock_guard lock(state->mutex);
  if (!waiter->is_granted) {
    state->waiting.erase(waiter->place);
    return;
  }
  --state->running;
  state->grant_free_slots();
}

}  // namespace lonc::net
