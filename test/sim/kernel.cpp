#include "sim/kernel.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <string>
#include <utility>

namespace lonc::sim::kernel {

Time thread_latency{0};

namespace {

constexpr Time monotonic_start = 10'000s;
constexpr Time wall_start = 1'700'000'000s;
constexpr std::uint64_t most_turns_at_once = 50'000;  // of the loop, at one moment of the world

enum class Kind { lond, client };
enum class Turn : int { world, thread };

struct State {
  SocketHooks* sockets = nullptr;
  DiskHooks* disk = nullptr;
  std::map<int, Kind> fds;
  int loop = -1;  // the epoll instance of lonc's loop
  std::uint64_t wake_ups = 0;
  Time last_wake_up{-1};
  std::uint64_t turns_at_once = 0;
  int next_port = 20'000;
  std::map<int, int> ports;
};

State state;
bool is_on = false;
thread_local bool is_thread = false;  // not the thread of the world
std::atomic<int> turn{static_cast<int>(Turn::world)};
bool is_thread_alive = false;
bool is_turn_planned = false;

void take_turn(Turn whose) {
  while (turn.load() != static_cast<int>(whose))
    turn.wait(static_cast<int>(whose == Turn::world ? Turn::thread : Turn::world));
}

void give_turn(Turn to) {
  turn.store(static_cast<int>(to));
  turn.notify_all();
}

// The other thread runs until it has nothing more to do, or waits for its disk.
void run_thread() {
  is_turn_planned = false;
  if (!is_thread_alive) return;
  give_turn(Turn::thread);
  take_turn(Turn::world);
}

void plan_thread(Time delay) {
  if (std::exchange(is_turn_planned, true)) return;
  World::get().after(delay, run_thread);
}

void pause_thread() {
  give_turn(Turn::world);
  take_turn(Turn::thread);
}

template <typename Function>
Function* next(const char* name, const char* version = nullptr) {
  void* const found = version == nullptr ? ::dlsym(RTLD_NEXT, name) : ::dlvsym(RTLD_NEXT, name, version);
  if (found == nullptr) std::abort();
  return reinterpret_cast<Function*>(found);
}

bool is_kind(int fd, Kind kind) {
  const auto found = state.fds.find(fd);
  return is_on && !is_thread && found != state.fds.end() && found->second == kind;
}

bool is_watched(int fd) { return is_on && !is_thread && state.fds.contains(fd); }

timespec to_timespec(Time time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  return {seconds.count(), (time - seconds).count()};
}

// Counts the turns that lonc takes without time passing: a loop that never waits would take them forever.
void note_turn() {
  World& world = World::get();
  if (std::exchange(state.last_wake_up, world.now()) != world.now()) state.turns_at_once = 0;
  if (++state.turns_at_once == most_turns_at_once) world.violate("busy", "the loop turns without waiting");
}

// Waits as the loop does: what is ready at once is told at once, otherwise the time moves to the next event of the
// world or of lonc's own timers.
int wait_for_events(int epoll, epoll_event* events, int most, int timeout) {
  World& world = World::get();
  ++state.wake_ups;
  const Time end = timeout < 0 ? Time::max() : world.now() + std::chrono::milliseconds{timeout};
  for (;;) {
    while (world.has_due()) world.run_one();
    const auto found = static_cast<int>(::syscall(SYS_epoll_pwait, epoll, events, most, 0, nullptr, 0));
    if (found > 0 || timeout == 0) return found;
    const Time next_time = std::min(end, world.next_event());
    if (next_time == Time::max()) return 0;
    if (next_time > world.now()) world.advance(next_time);
    if (next_time == end && !world.has_due()) return 0;
  }
}

ssize_t fail(int error) {
  errno = error;
  return -1;
}

struct Start {
  void* (*run)(void*);
  void* argument;
};

void* run_gated(void* given) {
  const Start start = *static_cast<Start*>(given);
  delete static_cast<Start*>(given);
  is_thread = true;
  take_turn(Turn::thread);
  void* const result = start.run(start.argument);
  is_thread_alive = false;
  give_turn(Turn::world);
  return result;
}

// True if this step of the disk is to fail; errno says how.
bool fails(const char* operation) {
  if (!is_on || !is_thread) return false;
  const int error = state.disk->error_of(operation);
  if (error != 0) errno = error;
  return error != 0;
}

void spend(Time time) {
  if (time <= Time::zero()) return;
  plan_thread(time);
  pause_thread();
}

}  // namespace

void begin(SocketHooks& sockets, DiskHooks& disk) {
  state.sockets = &sockets;
  state.disk = &disk;
  is_on = true;
}

std::uint64_t wake_ups() { return state.wake_ups; }

int pair(int (&fds)[2]) { return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds); }

ssize_t send(int fd, std::string_view bytes) {
  return ::syscall(SYS_sendto, fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT, nullptr, 0);
}

ssize_t receive(int fd, char* to, std::size_t size) {
  return ::syscall(SYS_recvfrom, fd, to, size, MSG_DONTWAIT, nullptr, nullptr);
}

void close(int fd) { ::syscall(SYS_close, fd); }

void replace(int fd, int by) {
  ::dup3(by, fd, O_CLOEXEC);
  close(by);
}

int connect_local(const std::string& path, const std::string& name) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_un own{};
  own.sun_family = AF_UNIX;
  name.copy(own.sun_path + 1, sizeof own.sun_path - 1);
  const auto own_size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  sockaddr_un other{};
  other.sun_family = AF_UNIX;
  path.copy(other.sun_path, sizeof other.sun_path - 1);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&own), own_size) == 0 &&
      ::syscall(SYS_connect, fd, &other, sizeof other) == 0)
    return fd;
  const int error = errno;
  close(fd);
  return -error;
}

}  // namespace lonc::sim::kernel

// --- what lonc calls

using namespace lonc::sim;          // NOLINT(google-build-using-namespace): for the functions of the C library only
using namespace lonc::sim::kernel;  // NOLINT(google-build-using-namespace)

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  if (!is_on || (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME))
    return static_cast<int>(::syscall(SYS_clock_gettime, clock, time));
  *time = to_timespec(World::get().now() + (clock == CLOCK_MONOTONIC ? monotonic_start : wall_start));
  return 0;
}

// Without it, Asio waits for its timers with the timeout of epoll_wait().
int timerfd_create(clockid_t, int) noexcept { return static_cast<int>(fail(ENOSYS)); }

int epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
  if (!is_on || is_thread)
    return static_cast<int>(::syscall(SYS_epoll_pwait, epoll, events, most, timeout, nullptr, 0));
  if (timeout != 0) state.loop = epoll;
  note_turn();  // a loop that never waits is not known yet
  if (epoll != state.loop) return static_cast<int>(::syscall(SYS_epoll_pwait, epoll, events, most, 0, nullptr, 0));
  return wait_for_events(epoll, events, most, timeout);
}

int connect(int fd, const sockaddr* address, socklen_t size) {
  if (!is_on || address->sa_family != AF_INET) return static_cast<int>(::syscall(SYS_connect, fd, address, size));
  sockaddr_in to{};
  std::memcpy(&to, address, sizeof to);
  const std::uint32_t host = ntohl(to.sin_addr.s_addr);
  state.fds[fd] = Kind::lond;
  state.ports[fd] = state.next_port++;
  const int error =
      state.sockets->connecting(fd, static_cast<int>(host & 0xffU) - 1, static_cast<int>(host >> 8U & 0xffU));
  errno = error;
  return -1;
}

int getsockopt(int fd, int level, int option, void* value, socklen_t* size) noexcept {
  if (!is_kind(fd, Kind::lond) || level != SOL_SOCKET || option != SO_ERROR)
    return static_cast<int>(::syscall(SYS_getsockopt, fd, level, option, value, size));
  const int error = state.sockets->connect_error(fd);
  std::memcpy(value, &error, sizeof error);
  return 0;
}

static int name_of(int fd, sockaddr* address, socklen_t* size, bool is_own) {
  if (!is_kind(fd, Kind::lond))
    return static_cast<int>(::syscall(is_own ? SYS_getsockname : SYS_getpeername, fd, address, size));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  name.sin_port = htons(static_cast<std::uint16_t>(is_own ? state.ports[fd] : 1));
  std::memcpy(address, &name, std::min<std::size_t>(*size, sizeof name));
  *size = sizeof name;
  return 0;
}

int getsockname(int fd, sockaddr* address, socklen_t* size) noexcept { return name_of(fd, address, size, true); }
int getpeername(int fd, sockaddr* address, socklen_t* size) noexcept { return name_of(fd, address, size, false); }

int accept4(int listening, sockaddr* address, socklen_t* size, int flags) {
  const auto fd = static_cast<int>(::syscall(SYS_accept4, listening, address, size, flags));
  if (fd < 0 || !is_on || is_thread) return fd;
  sockaddr_un name{};
  socklen_t length = sizeof name;
  ::syscall(SYS_getpeername, fd, &name, &length);
  const std::size_t prefix = offsetof(sockaddr_un, sun_path) + 1;
  state.fds[fd] = Kind::client;
  state.sockets->has_accepted(fd, length > prefix ? std::string_view(name.sun_path + 1, length - prefix) : "");
  return fd;
}

ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  const std::size_t taken = is_watched(fd) ? state.sockets->accepted_size(fd, size) : size;
  if (taken == 0 && size != 0) return fail(EAGAIN);
  const ssize_t sent = ::syscall(SYS_sendto, fd, bytes, taken, flags, nullptr, 0);
  if (sent > 0 && is_watched(fd)) state.sockets->has_written(fd, static_cast<std::size_t>(sent));
  return sent;
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  if (!is_watched(fd)) return ::syscall(SYS_sendmsg, fd, message, flags);
  std::string text;
  for (std::size_t part = 0; part != message->msg_iovlen; ++part)
    text.append(static_cast<const char*>(message->msg_iov[part].iov_base), message->msg_iov[part].iov_len);
  return send(fd, text.data(), text.size(), flags);
}

ssize_t recv(int fd, void* to, size_t size, int flags) {
  const ssize_t got = ::syscall(SYS_recvfrom, fd, to, size, flags, nullptr, nullptr);
  if (got > 0 && (flags & MSG_PEEK) == 0 && is_watched(fd)) state.sockets->has_read(fd);
  return got;
}

int close(int fd) {
  if (is_watched(fd)) {
    state.sockets->has_closed(fd);
    state.fds.erase(fd);
    state.ports.erase(fd);
  }
  return static_cast<int>(::syscall(SYS_close, fd));
}

// --- the spool's disk

int fsync(int) {
  if (fails("fsync")) return -1;
  if (is_on && is_thread) spend(state.disk->sync_time());
  return 0;
}

int fdatasync(int fd) { return fsync(fd); }

int fallocate(int fd, int mode, off_t offset, off_t size) {
  return fails("fallocate") ? -1 : static_cast<int>(::syscall(SYS_fallocate, fd, mode, offset, size));
}

ssize_t write(int fd, const void* bytes, size_t size) {
  constexpr std::size_t of_an_event = 8;  // by which Asio wakes a loop
  return size != of_an_event && fails("write") ? -1 : ::syscall(SYS_write, fd, bytes, size);
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  return fails("pwrite") ? -1 : ::syscall(SYS_pwrite64, fd, bytes, size, offset);
}

int unlinkat(int directory, const char* name, int flags) noexcept {
  return fails("unlinkat") ? -1 : static_cast<int>(::syscall(SYS_unlinkat, directory, name, flags));
}

int renameat(int from, const char* name, int to, const char* new_name) noexcept {
  return fails("renameat") ? -1 : static_cast<int>(::syscall(SYS_renameat, from, name, to, new_name));
}

int renameat2(int from, const char* name, int to, const char* new_name, unsigned flags) noexcept {
  return fails("renameat") ? -1 : static_cast<int>(::syscall(SYS_renameat2, from, name, to, new_name, flags));
}

// --- the thread of the spool: it runs only when it is its turn

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) noexcept {
  static auto* const real = next<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)>("pthread_create");
  if (!is_on) return real(thread, attributes, run, argument);
  if (std::exchange(is_thread_alive, true)) std::abort();  // only one is simulated
  const int error = real(thread, attributes, &run_gated, new Start{run, argument});
  plan_thread(thread_latency);
  return error;
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  static auto* const real = next<int(pthread_cond_t*, pthread_mutex_t*)>("pthread_cond_wait", "GLIBC_2.3.2");
  if (!is_thread) return real(condition, mutex);
  ::pthread_mutex_unlock(mutex);
  pause_thread();
  ::pthread_mutex_lock(mutex);
  return 0;
}

int pthread_cond_signal(pthread_cond_t* condition) noexcept {
  static auto* const real = next<int(pthread_cond_t*)>("pthread_cond_signal", "GLIBC_2.3.2");
  if (is_on && !is_thread) plan_thread(thread_latency);
  return real(condition);
}

int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
  static auto* const real = next<int(pthread_cond_t*)>("pthread_cond_broadcast", "GLIBC_2.3.2");
  if (is_on && !is_thread) plan_thread(thread_latency);
  return real(condition);
}

int pthread_join(pthread_t thread, void** result) {
  static auto* const real = next<int(pthread_t, void**)>("pthread_join");
  while (is_on && is_thread_alive) run_thread();
  return real(thread, result);
}

}  // extern "C"
