// A few descriptors kept in reserve: when the process has no other left, a client can still be accepted and told so.
#pragma once

#include <lonc/net/unique_fd.hpp>

#include <cstddef>
#include <mutex>
#include <vector>

namespace lonc::net {

// All members may be called from any thread.
class SpareDescriptors {
 public:
  explicit SpareDescriptors(std::size_t most = 8);

  // One more descriptor is free, though others may be quicker to use it. False if none is in reserve.
  bool lend();
  // What was lent has been closed.
  void take_back();
  bool can_lend();

 private:
  void reopen();

  std::mutex mutex_;
  std::vector<UniqueFd> spare_;
  std::size_t wanted_;  // what is not lent; some of it may be missing, for want of descriptors
};

}  // namespace lonc::net
