// Lets at most max-connecting attempts begin at once, over all peers and strands; each attempt decides how long it
// holds its place. Peers whose last attempt failed come after all others and get at most half of the places. Connects
// nothing itself.
#pragma once

#include <lonc/core/base/types.hpp>
#include <lonc/net/socket/executor.hpp>

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>

namespace lonc::net {

// All members may be called from any thread. A ticket may outlive the gate.
class ConnectGate {
 private:
  struct State;

 public:
  // A place in the queue and, once granted, the slot itself. Its destruction gives back whichever it holds.
  class Ticket {
   public:
    ~Ticket();
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

    bool is_granted() const;

   private:
    friend class ConnectGate;
    Ticket(std::shared_ptr<State> state, core::AttemptClass attempt);

    const std::shared_ptr<State> state_;  // its mutex guards all of the following
    const core::AttemptClass attempt_;
    // Only while it waits; a strand must not outlive its io_context.
    std::optional<Strand> strand_;
    std::function<void()> granted_;
    std::optional<std::list<Ticket*>::iterator> place_;
    bool is_granted_ = false;
  };

  explicit ConnectGate(std::size_t limit);

  // A free slot is granted at once: the ticket says so and `granted` is not called. Otherwise `granted` is posted to
  // `strand` when its turn comes; it may still arrive after the ticket is destroyed, so it must not rely on the
  // ticket's owner.
  std::unique_ptr<Ticket> request(const Strand& strand, core::AttemptClass attempt, std::function<void()> granted);
  void set_limit(std::size_t limit);
  std::size_t running() const;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace lonc::net
