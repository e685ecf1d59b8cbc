// What waits for a connection, in order of arrival.
#pragma once

#include <lonc/core/base/types.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace lonc::core {

// A first-in, first-out queue: a ring buffer that grows and keeps its memory, so that in steady state pushing and
// popping cost no allocation. A queue that was never used holds no memory.
template <typename T>
class Fifo {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  // Number 0 is the oldest.
  const T& operator[](std::size_t number) const { return slots_[place(number)]; }
  const T& front() const { return slots_[first_]; }

  void push(T value) {
    if (size_ == slots_.size()) grow();
    slots_[place(size_++)] = std::move(value);
  }
  T pop() {
    T value = std::move(slots_[first_]);
    first_ = place(1);
    --size_;
    if (size_ == 0 && slots_.size() > most_kept) clear();
    return value;
  }
  // Removes an element from the middle. The older it is, the less this costs.
  void erase(std::size_t number) {
    for (; number != 0; --number) slots_[place(number)] = std::move(slots_[place(number - 1)]);
    pop();
  }
  void clear() { *this = {}; }

 private:
  static constexpr std::size_t most_kept = 1024;  // slots kept once the queue is empty

  std::size_t place(std::size_t number) const { return (first_ + number) & (slots_.size() - 1); }

  void grow() {
    std::vector<T> larger(slots_.empty() ? 2 : 2 * slots_.size());
    for (std::size_t number = 0; number != size_; ++number) larger[number] = std::move(slots_[place(number)]);
    slots_ = std::move(larger);
    first_ = 0;
  }

  std::vector<T> slots_;  // their number is a power of two
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

struct QueuedRequest {
  ClientId client{};
  TimePoint accepted{};
  std::string line{};
};

// Requests that were accepted and have not been written yet, in order of arrival: those that may be batched with
// others, and those that must be sent alone.
class RequestQueue {
 public:
  bool empty() const { return together_.empty() && alone_.empty(); }
  std::size_t size() const { return together_.size() + alone_.size(); }
  std::size_t together() const { return together_.size(); }
  std::size_t alone() const { return alone_.size(); }

  void push(QueuedRequest request, bool may_go_together) {
    (may_go_together ? together_ : alone_).push(std::move(request));
  }
  // The oldest request, and whether it may be batched with others. The queue must not be empty.
  bool is_together_next() const {
    return alone_.empty() || (!together_.empty() && together_.front().accepted <= alone_.front().accepted);
  }
  const QueuedRequest& front() const { return is_together_next() ? together_.front() : alone_.front(); }
  QueuedRequest pop() { return (is_together_next() ? together_ : alone_).pop(); }
  // A client has at most one request here. False if it has none.
  bool remove(ClientId client) { return remove(together_, client) || remove(alone_, client); }
  // Of those that may be batched.
  const QueuedRequest& together(std::size_t number) const { return together_[number]; }
  void pop_together(std::size_t requests) {
    for (; requests != 0; --requests) together_.pop();
  }

 private:
  static bool remove(Fifo<QueuedRequest>& requests, ClientId client) {
    for (std::size_t number = 0; number != requests.size(); ++number) {
      if (requests[number].client != client) continue;
      requests.erase(number);
      return true;
    }
    return false;
  }

  Fifo<QueuedRequest> together_;
  Fifo<QueuedRequest> alone_;
};

}  // namespace lonc::core
