// Takes from this process what it could still open.
#pragma once

#include <lonc/net/unique_fd.hpp>

#include <sys/resource.h>
#include <unistd.h>

namespace lonc::test {

// No descriptor is given any more: those that are open now are all there are.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() : NoMoreDescriptors(static_cast<rlim_t>(net::UniqueFd(::dup(STDERR_FILENO)).get())) {}
  explicit NoMoreDescriptors(rlim_t limit) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit low = before_;
    low.rlim_cur = limit;
    ::setrlimit(RLIMIT_NOFILE, &low);
  }
  ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;

 private:
  rlimit before_{};
};

}  // namespace lonc::test
