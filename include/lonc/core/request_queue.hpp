// Requests that were accepted and are not written yet, in the order in which they came: those that may go together with
// others, and those that go alone.
#pragma once

#include <lonc/core/fifo.hpp>
#include <lonc/core/types.hpp>

#include <cstddef>
#include <string>
#include <utility>

namespace lonc::core {

struct QueuedRequest {
  ClientId client{};
  TimePoint accepted{};
  std::string line{};
};

class RequestQueue {
 public:
  bool empty() const { return together_.empty() && alone_.empty(); }
  std::size_t size() const { return together_.size() + alone_.size(); }
  std::size_t together() const { return together_.size(); }
  std::size_t alone() const { return alone_.size(); }

  void push(QueuedRequest request, bool may_go_together) {
    (may_go_together ? together_ : alone_).push(std::move(request));
  }
  // The oldest, and whether it may go together with others. Of a queue that is not empty.
  bool is_together_next() const {
    return alone_.empty() || (!together_.empty() && together_.front().accepted <= alone_.front().accepted);
  }
  const QueuedRequest& front() const { return is_together_next() ? together_.front() : alone_.front(); }
  QueuedRequest pop() { return (is_together_next() ? together_ : alone_).pop(); }
  // A client has at most one here. False if it has none.
  bool remove(ClientId client) { return remove(together_, client) || remove(alone_, client); }
  // Of those that may go together.
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
