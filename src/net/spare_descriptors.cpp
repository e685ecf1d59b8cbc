#include <lonc/net/spare_descriptors.hpp>

#include <fcntl.h>

#include <utility>

namespace lonc::net {

SpareDescriptors::SpareDescriptors(std::size_t most) : wanted_(most) { reopen(); }

bool SpareDescriptors::lend() {
  const std::lock_guard lock(mutex_);
  reopen();
  if (spare_.empty()) return false;
  spare_.pop_back();
  --wanted_;
  return true;
}

void SpareDescriptors::take_back() {
  const std::lock_guard lock(mutex_);
  ++wanted_;
  reopen();
}

bool SpareDescriptors::can_lend() {
  const std::lock_guard lock(mutex_);
  reopen();
  return !spare_.empty();
}

void SpareDescriptors::reopen() {
  while (spare_.size() < wanted_) {
    UniqueFd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!fd) return;
    spare_.push_back(std::move(fd));
  }
}

}  // namespace lonc::net
