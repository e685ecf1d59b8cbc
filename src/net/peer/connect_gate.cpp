#include <lonc/net/peer/connect_gate.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace lonc::net {

struct ConnectGate::State {
  std::mutex mutex;  // guards everything here
  std::size_t limit = 0;
  std::size_t running = 0;
  std::size_t running_failed = 0;  // of these, for peers whose last attempt failed
  // Those that wait: first come, first served within each class.
  std::list<Ticket*> favoured;
  std::list<Ticket*> failed;

  std::list<Ticket*>& queue_of(const Ticket& ticket) {
    return ticket.attempt_ == core::AttemptClass::favoured ? favoured : failed;
  }
  // Otherwise attempts of the failed class would hold all places until they time out, while others could be served at
  // once.
  bool may_run(const Ticket& ticket) const {
    if (running >= limit) return false;
    return ticket.attempt_ == core::AttemptClass::favoured || running_failed < std::max<std::size_t>(1, limit / 2);
  }
  void begin(Ticket& ticket) {
    ticket.is_granted_ = true;
    ++running;
    if (ticket.attempt_ == core::AttemptClass::failed_last) ++running_failed;
  }
  void end(const Ticket& ticket) {
    --running;
    if (ticket.attempt_ == core::AttemptClass::failed_last) --running_failed;
  }

  void grant_free_slots() {
    for (auto* const queue : {&favoured, &failed}) {
      while (!queue->empty() && may_run(*queue->front())) {
        Ticket& next = *queue->front();
        queue->pop_front();
        begin(next);
        next.place_.reset();
        boost::asio::post(*next.strand_, std::exchange(next.granted_, nullptr));
        next.strand_.reset();
      }
    }
  }
};

ConnectGate::ConnectGate(std::size_t limit) : state_(std::make_shared<State>()) { state_->limit = limit; }

std::unique_ptr<ConnectGate::Ticket> ConnectGate::request(const Strand& strand, core::AttemptClass attempt,
                                                          std::function<void()> granted) {
  std::unique_ptr<Ticket> ticket(new Ticket(state_, attempt));
  const std::lock_guard lock(state_->mutex);
  auto& queue = state_->queue_of(*ticket);
  if (queue.empty() && state_->may_run(*ticket)) {
    state_->begin(*ticket);
  } else {
    ticket->strand_ = strand;
    ticket->granted_ = std::move(granted);
    ticket->place_ = queue.insert(queue.end(), ticket.get());
  }
  return ticket;
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

ConnectGate::Ticket::Ticket(std::shared_ptr<State> state, core::AttemptClass attempt)
    : state_(std::move(state)), attempt_(attempt) {}

ConnectGate::Ticket::~Ticket() {
  const std::lock_guard lock(state_->mutex);
  if (place_) state_->queue_of(*this).erase(*place_);
  if (!is_granted_) return;
  state_->end(*this);
  state_->grant_free_slots();
}

bool ConnectGate::Ticket::is_granted() const {
  const std::lock_guard lock(state_->mutex);
  return is_granted_;
}

}  // namespace lonc::net
