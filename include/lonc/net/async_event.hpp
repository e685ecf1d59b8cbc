// Wakes one coroutine of a strand. To be used on that strand only; not a way to pass data between threads.
#pragma once

#include <lonc/net/executor.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

#include <optional>
#include <utility>

namespace lonc::net {

class AsyncEvent {
 public:
  explicit AsyncEvent(Strand strand) : strand_(std::move(strand)) {}
  AsyncEvent(const AsyncEvent&) = delete;
  AsyncEvent& operator=(const AsyncEvent&) = delete;

  // The waiter goes on in a later turn of the strand, never from within this call. Without a waiter the next one
  // does not have to wait. Several notifications before a wait are one.
  void notify() {
    if (!waiter_) {
      is_set_ = true;
      return;
    }
    Waiter waiter = std::move(*waiter_);
    waiter_.reset();
    resume(std::move(waiter));
  }

  // True if notify() was called since the last wait; the notification is used up by it. Saves the cost of wait().
  bool take() { return std::exchange(is_set_, false); }

  // At most one at a time.
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
