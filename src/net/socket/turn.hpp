// To go on in a later turn of the strand: Turn for many objects, AsyncEvent for one coroutine, if_alive() for timers.
#pragma once

#include <lonc/net/socket/executor.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace lonc::net {

// Defers work to the next turn of a strand: everything queued for one turn runs in a single handler posted to the
// strand. One handler for each waiter would cost a tenth more. Used on its strand only.
class Turn : public std::enable_shared_from_this<Turn> {
 public:
  struct Waiter {
    virtual ~Waiter() = default;
    // Must not throw: others wait for the same turn.
    virtual void turn_has_come() noexcept = 0;
  };

  explicit Turn(Strand strand) : strand_(std::move(strand)) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // `waiter` is called in the next turn, never from within this call, and is kept alive until then.
  void add(std::shared_ptr<Waiter> waiter) {
    waiting_.push_back(std::move(waiter));
    if (std::exchange(is_posted_, true)) return;
    boost::asio::post(strand_, [self = shared_from_this()] { self->run(); });
  }

 private:
  // A waiter that asks for another turn while this runs gets the following one.
  void run() {
    is_posted_ = false;
    running_.swap(waiting_);
    for (const auto& waiter : running_) waiter->turn_has_come();
    running_.clear();
  }

  Strand strand_;
  std::vector<std::shared_ptr<Waiter>> waiting_;
  std::vector<std::shared_ptr<Waiter>> running_;  // kept to reuse its memory
  bool is_posted_ = false;
};

// The handler of a wait by which its object is not kept alive: calls `action` with the object, unless that is gone or
// the wait was cancelled.
template <typename Owner, typename Action>
auto if_alive(std::weak_ptr<Owner> owner, Action action) {
  return [owner = std::move(owner), action = std::move(action)](const boost::system::error_code& error) {
    const auto alive = owner.lock();
    if (!error && alive) action(*alive);
  };
}

// Wakes one coroutine on a strand. Use it on that strand only; it does not pass data between threads.
class AsyncEvent {
 public:
  explicit AsyncEvent(Strand strand) : strand_(std::move(strand)) {}
  AsyncEvent(const AsyncEvent&) = delete;
  AsyncEvent& operator=(const AsyncEvent&) = delete;

  // The waiter resumes in a later turn of the strand, never from within this call. If nobody waits, the next wait()
  // returns without waiting. Several notifications before a wait count as one.
  void notify() {
    if (!waiter_) {
      is_set_ = true;
      return;
    }
    Waiter waiter = std::move(*waiter_);
    waiter_.reset();
    resume(std::move(waiter));
  }

  // True if notify() was called since the last wait; consumes the notification. Cheaper than wait().
  bool take() { return std::exchange(is_set_, false); }

  // At most one waiter at a time.
  Task<void> wait() {
    return boost::asio::async_initiate<const Token&, void()>(
        [this](Waiter waiter) {
          if (take()) {
            resume(std::move(waiter));
          } else {
            waiter_.emplace(std::move(waiter));
          }
        },
        use_awaitable);
  }

 private:
  using Token = boost::asio::use_awaitable_t<Strand>;
  using Waiter = boost::asio::async_result<Token, void()>::handler_type;

  void resume(Waiter waiter) { boost::asio::post(strand_, std::move(waiter)); }

  Strand strand_;
  bool is_set_ = false;
  std::optional<Waiter> waiter_;
};

}  // namespace lonc::net
