// Uses up the file descriptors that this process could still open.
#pragma once

#include <lonc/os/unique_fd.hpp>

#include <sys/resource.h>
#include <unistd.h>

namespace lonc::test {

// No further descriptor can be opened.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() : NoMoreDescriptors(static_cast<rlim_t>(os::UniqueFd(::dup(STDERR_FILENO)).get())) {}
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
