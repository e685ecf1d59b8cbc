#include "guard/counters.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdarg>
#include <cstddef>
#include <cstdlib>
#include <ctime>

namespace {

void system_call() {
  if (lonc::guard::counters.is_counting) ++lonc::guard::counters.system_calls;
}

void* heap_call(void* memory) {
  if (lonc::guard::counters.is_counting) ++lonc::guard::counters.heap_calls;
  return memory;
}

}  // namespace

// Time stands still while counting, so that everything that depends on it is the same in each run. This definition
// precedes that of the C library, for other libraries as well.
extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {  // NOLINT: the name is the C library's
  static timespec monotonic{};
  // The size of a batch depends on how long the last ones took, which must not depend on the load of the machine.
  if (clock == CLOCK_MONOTONIC && lonc::guard::counters.is_clock_even && !lonc::guard::counters.is_counting) {
    constexpr long turn = 10'000;  // ns
    constexpr long second = 1'000'000'000;
    monotonic.tv_nsec += turn;
    monotonic.tv_sec += monotonic.tv_nsec / second;
    monotonic.tv_nsec %= second;
    *time = monotonic;
    return 0;
  }
  if (clock == CLOCK_MONOTONIC && lonc::guard::counters.is_counting) {
    *time = monotonic;
    return 0;
  }
  const int result = static_cast<int>(::syscall(SYS_clock_gettime, clock, time));
  if (clock == CLOCK_MONOTONIC) monotonic = *time;
  return result;
}

// NOLINTBEGIN: the names are the linker's
extern "C" {
int __real_accept4(int, sockaddr*, socklen_t*, int);
int __real_close(int);
int __real_epoll_ctl(int, int, int, epoll_event*);
int __real_epoll_wait(int, epoll_event*, int, int);
int __real_ioctl(int, unsigned long, void*);
ssize_t __real_recv(int, void*, size_t, int);
ssize_t __real_send(int, const void*, size_t, int);
ssize_t __real_sendmsg(int, const msghdr*, int);
ssize_t __real_read(int, void*, size_t);
ssize_t __real_write(int, const void*, size_t);
void* __real_malloc(size_t);
void* __real_aligned_alloc(size_t, size_t);

int __wrap_accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  system_call();
  return __real_accept4(fd, address, size, flags);
}
int __wrap_close(int fd) {
  system_call();
  return __real_close(fd);
}
int __wrap_epoll_ctl(int epoll, int operation, int fd, epoll_event* event) {
  system_call();
  return __real_epoll_ctl(epoll, operation, fd, event);
}
int __wrap_epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
  system_call();
  return __real_epoll_wait(epoll, events, most, timeout);
}
int __wrap_ioctl(int fd, unsigned long request, ...) {
  system_call();
  va_list arguments;
  va_start(arguments, request);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  return __real_ioctl(fd, request, argument);
}
ssize_t __wrap_recv(int fd, void* buffer, size_t size, int flags) {
  system_call();
  return __real_recv(fd, buffer, size, flags);
}
ssize_t __wrap_send(int fd, const void* buffer, size_t size, int flags) {
  system_call();
  return __real_send(fd, buffer, size, flags);
}
ssize_t __wrap_sendmsg(int fd, const msghdr* message, int flags) {
  system_call();
  return __real_sendmsg(fd, message, flags);
}
ssize_t __wrap_read(int fd, void* buffer, size_t size) {
  system_call();
  return __real_read(fd, buffer, size);
}
ssize_t __wrap_write(int fd, const void* buffer, size_t size) {
  system_call();
  return __real_write(fd, buffer, size);
}
void* __wrap_malloc(size_t size) { return heap_call(__real_malloc(size)); }
void* __wrap_aligned_alloc(size_t alignment, size_t size) { return heap_call(__real_aligned_alloc(alignment, size)); }
}
// NOLINTEND
