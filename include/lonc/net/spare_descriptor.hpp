// One descriptor kept in reserve: when the process has no other left, a client can still be accepted and told so.
#pragma once

#include <lonc/net/unique_fd.hpp>

#include <mutex>

namespace lonc::net {

class SpareDescriptor {
 public:
  SpareDescriptor();

  // Calls `use` while one descriptor is free, and takes it back. False if there was none to lend.
  // Others may be quicker to take it, so `use` can still fail. Any thread.
  template <typename Use>
  bool lend(Use use) {
    const std::lock_guard lock(mutex_);
    if (!spare_) reopen();
    if (!spare_) return false;
    spare_.reset();
    const bool was_used = use();
    reopen();
    return was_used;
  }

 private:
  void reopen();

  std::mutex mutex_;
  UniqueFd spare_;
};

}  // namespace lonc::net
