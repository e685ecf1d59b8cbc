// Those that are put off to the next turn of a strand. All of a turn is one handler posted to the strand, however many
// go on in it; in place of one for each costs a tenth.
#pragma once

#include <lonc/net/executor.hpp>

#include <boost/asio/post.hpp>

#include <memory>
#include <utility>
#include <vector>

namespace lonc::net {

// Used on its strand only.
class Turn : public std::enable_shared_from_this<Turn> {
 public:
  struct Waiter {
    virtual ~Waiter() = default;
    // Lets no exception out: others wait for the same turn.
    virtual void turn_has_come() noexcept = 0;
  };

  explicit Turn(Strand strand) : strand_(std::move(strand)) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // `waiter` goes on in the next turn, never from within this call, and is kept alive until then.
  void add(std::shared_ptr<Waiter> waiter) {
    waiting_.push_back(std::move(waiter));
    if (std::exchange(is_posted_, true)) return;
    boost::asio::post(strand_, [self = shared_from_this()] { self->run(); });
  }

 private:
  // Whoever goes on and asks for another turn gets the one after this.
  void run() {
    is_posted_ = false;
    running_.swap(waiting_);
    for (const auto& waiter : running_) waiter->turn_has_come();
    running_.clear();
  }

  Strand strand_;
  std::vector<std::shared_ptr<Waiter>> waiting_;
  std::vector<std::shared_ptr<Waiter>> running_;  // kept for its memory
  bool is_posted_ = false;
};

}  // namespace lonc::net
