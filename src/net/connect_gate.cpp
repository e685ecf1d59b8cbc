#include <lonc/net/connect_gate.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <list>
#include <mutex>
#include <optional>
#include <utility>

namespace lonc::net {

struct ConnectGate::Waiter {
  std::optional<Strand> strand;  // only while it waits: a strand must not outlive its io_context
  std::function<void()> granted;
  std::list<Waiter*>::iterator place;
  core::AttemptClass attempt = core::AttemptClass::favoured;
  bool is_granted = false;
};

// Everything in it, and in every Waiter, is guarded by `mutex`.
struct ConnectGate::State {
  std::mutex mutex;
  std::size_t limit = 0;
  std::size_t running = 0;
  std::size_t running_failed = 0;  // of these, for peers whose last attempt failed
  // First come first served within each class; their tickets own them.
  std::list<Waiter*> favoured;
  std::list<Waiter*> failed;

  std::list<Waiter*>& queue_of(const Waiter& waiter) {
    return waiter.attempt == core::AttemptClass::favoured ? favoured : failed;
  }
  // Those that failed last would hold all places until their time is out, while others could be served at once.
  bool may_run(const Waiter& waiter) const {
    if (running >= limit) return false;
    return waiter.attempt == core::AttemptClass::favoured || running_failed < std::max<std::size_t>(1, limit / 2);
  }
  void count(const Waiter& waiter, std::size_t more, std::size_t fewer) {
    running += more - fewer;
    if (waiter.attempt == core::AttemptClass::failed_last) running_failed += more - fewer;
  }
  Waiter* next_to_run() const {
    for (const auto* queue : {&favoured, &failed}) {
      if (!queue->empty() && may_run(*queue->front())) return queue->front();
    }
    return nullptr;
  }

  void grant_free_slots() {
    while (Waiter* const found = next_to_run()) {
      Waiter& next = *found;
      queue_of(next).pop_front();
      count(next, 1, 0);
      next.is_granted = true;
      boost::asio::post(*next.strand, std::exchange(next.granted, nullptr));
      next.strand.reset();
    }
  }
};

ConnectGate::ConnectGate(std::size_t limit) : state_(std::make_shared<State>()) { state_->limit = limit; }

ConnectGate::Ticket ConnectGate::request(const Strand& strand, core::AttemptClass attempt,
                                         std::function<void()> granted) {
  auto waiter = std::make_shared<Waiter>();
  waiter->attempt = attempt;
  const std::lock_guard lock(state_->mutex);
  auto& queue = state_->queue_of(*waiter);
  if (queue.empty() && state_->may_run(*waiter)) {
    state_->count(*waiter, 1, 0);
    waiter->is_granted = true;
  } else {
    waiter->strand = strand;
    waiter->granted = std::move(granted);
    waiter->place = queue.insert(queue.end(), waiter.get());
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
    state->queue_of(*waiter).erase(waiter->place);
    return;
  }
  state->count(*waiter, 0, 1);
  state->grant_free_slots();
}

}  // namespace lonc::net
