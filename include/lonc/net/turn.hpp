// What is put off to the next turn of a strand: coroutines that go on then, and after them the work of its end. All of
// a turn is one handler posted to the strand, however much it is; in place of one for each costs a tenth.
#pragma once

#include <lonc/net/executor.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace lonc::net {

// Used on its strand only.
class Turn : public std::enable_shared_from_this<Turn> {
 public:
  using Waiter = boost::asio::async_result<boost::asio::use_awaitable_t<Strand>, void()>::handler_type;

  explicit Turn(Strand strand) : strand_(std::move(strand)) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // Called at the end of each turn, after all that goes on in it.
  void set_end(std::function<void()> end) { end_ = std::move(end); }

  // There will be a turn.
  void request() {
    if (std::exchange(is_posted_, true)) return;
    boost::asio::post(strand_, [pending = Pending(shared_from_this())]() mutable { pending.run(); });
  }

  // `waiter` goes on in the next turn, never from within this call.
  void add(Waiter waiter) {
    waiting_.push_back(std::move(waiter));
    request();
  }

  // The caller goes on in the next turn.
  Task<void> next() {
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<Strand>&, void()>(
        [this](Waiter waiter) { add(std::move(waiter)); }, use_awaitable);
  }

 private:
  // The handler that was posted. A loop that ends without it takes those that wait along: they may own the sessions
  // that own the Turn.
  class Pending {
   public:
    explicit Pending(std::shared_ptr<Turn> turn) : turn_(std::move(turn)) {}
    ~Pending() {
      if (turn_) turn_->abandon();
    }
    Pending(Pending&&) noexcept = default;
    Pending& operator=(Pending&&) = delete;
    void run() { std::exchange(turn_, nullptr)->run(); }

   private:
    std::shared_ptr<Turn> turn_;
  };

  void abandon() {
    is_posted_ = false;
    const auto waiting = std::exchange(waiting_, {});
  }

  // Whatever goes on and asks for another turn gets the one after this.
  void run() {
    is_posted_ = false;
    running_.swap(waiting_);
    for (Waiter& waiter : running_) std::move(waiter)();
    running_.clear();
    if (end_) end_();
  }

  Strand strand_;
  std::function<void()> end_;
  std::vector<Waiter> waiting_;
  std::vector<Waiter> running_;  // kept for its memory
  bool is_posted_ = false;
};

}  // namespace lonc::net
