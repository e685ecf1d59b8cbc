// Lets at most max-connecting attempts begin at once, over all peers and strands; how long one holds its place is its
// own business. Peers whose last attempt failed come after all others, and have at most half of the places. Connects
// nothing itself.
#pragma once

#include <lonc/core/types.hpp>
#include <lonc/net/executor.hpp>

#include <cstddef>
#include <functional>
#include <memory>

namespace lonc::net {

// All members may be called from any thread. A ticket may outlive the gate.
class ConnectGate {
 private:
  struct State;
  struct Waiter;

 public:
  // A place in the queue and, once granted, the slot itself. Its end gives back whichever it is.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&&) noexcept = default;
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket() { release(); }

    bool is_granted() const;
    void release();

   private:
    friend class ConnectGate;
    Ticket(std::shared_ptr<State> state, std::shared_ptr<Waiter> waiter);

    std::shared_ptr<State> state_;
    std::shared_ptr<Waiter> waiter_;
  };

  explicit ConnectGate(std::size_t limit);

  // A free slot is granted at once: the ticket says so and `granted` is not called. Otherwise `granted` is posted to
  // `strand` when the turn has come; it may still arrive after the ticket's end and so must not rely on its owner.
  Ticket request(const Strand& strand, core::AttemptClass attempt, std::function<void()> granted);
  void set_limit(std::size_t limit);
  std::size_t running() const;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace lonc::net
