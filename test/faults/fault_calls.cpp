// Makes chosen calls of a program fail: a library for LD_PRELOAD. LONC_FAULT_PAGE names a file of at least sizeof(Page)
// bytes, which the program and its driver share (calls.py): the driver arms a fault, lifts it, and reads the numbers.
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" void* __libc_malloc(std::size_t size);

namespace {

// In the order of KINDS in calls.py.
enum Kind : std::uint32_t {
  none,
  accept_call,
  connect_call,
  socket_call,
  recv_call,
  send_call,
  sendmsg_call,
  setsockopt_call,
  epoll_ctl_call,
  epoll_wait_call,
  open_call,
  read_call,
  write_call,
  fsync_call,
  fdatasync_call,
  rename_call,
  unlink_call,
  link_call,
  truncate_call,
  fallocate_call,
  inotify_init_call,
  inotify_add_call,
  inotify_read_call,
  getaddrinfo_call,
  clone_call,
  spawn_call,
  malloc_call,
  kinds
};

struct Page {
  std::atomic<std::uint32_t> kind;  // the armed one, or none
  std::atomic<std::int32_t> left;  // calls until the first that fails; 1 is the next
  std::atomic<std::int32_t> error;  // an errno or an EAI_ number; is_short: only one byte is taken
  std::atomic<std::uint32_t> always;  // all later calls fail as well
  std::atomic<std::uint32_t> failed;  // calls that have failed since it was armed
  std::atomic<std::uint32_t> unused;
  std::atomic<std::uint64_t> seen[64];  // calls of each kind since the start
};
static_assert(kinds <= 64 && std::atomic<std::uint64_t>::is_always_lock_free);

constexpr std::int32_t is_short = 10'000;

// No allocation here: malloc itself asks.
Page* open_page() {
  const char* path = std::getenv("LONC_FAULT_PAGE");
  if (!path) return nullptr;
  const auto real_open = reinterpret_cast<int (*)(const char*, int, ...)>(dlsym(RTLD_NEXT, "open"));
  const int fd = real_open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return nullptr;
  void* memory = mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return memory == MAP_FAILED ? nullptr : static_cast<Page*>(memory);
}

std::atomic<Page*> page{nullptr};

__attribute__((constructor)) void begin() { page = open_page(); }

// 0: the call is made; otherwise what it must fail with.
std::int32_t fault(Kind kind) {
  Page* const shared = page;
  if (!shared) return 0;
  ++shared->seen[kind];
  if (shared->kind != kind) return 0;
  const std::int32_t left = shared->left.fetch_sub(1);
  if (left > 1 || (left < 1 && !shared->always)) return 0;
  ++shared->failed;
  return shared->error;
}

template <class Function>
Function* next(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// A connection that a send finds broken is broken for reading, too.
void break_connection(int fd, std::int32_t error) {
  if (error == EPIPE || error == ECONNRESET) shutdown(fd, SHUT_RDWR);
}

constexpr std::size_t all = SIZE_MAX;

// Makes `call` with the size, with one byte, or not at all.
template <class Call>
ssize_t transfer(std::int32_t error, std::size_t size, Call call) {
  if (error == 0) return call(size);
  if (error == is_short) return call(std::min<std::size_t>(size, 1));
  errno = error;
  return -1;
}

// The third argument of open(), which is there only if it may create a file.
mode_t mode_of(int flags, va_list list) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : mode_t{0};
}

// Which kind a read or a write of this descriptor is. Event and timer descriptors cannot fail.
Kind kind_of(int fd, Kind file, Kind network) {
  const int before = errno;
  struct stat status{};
  const bool is_known = fstat(fd, &status) == 0;
  errno = before;
  if (!is_known) return none;
  if (fd <= STDERR_FILENO) return none;  // it must be able to say what is wrong
  if (S_ISSOCK(status.st_mode)) return network;
  return S_ISREG(status.st_mode) ? file : none;
}

std::atomic<int> inotify_descriptor{-1};

// Asio adds these once, when it starts, and does not look at the result: nobody could react.
bool is_own_of_asio(int fd) {
  const int before = errno;
  std::array<char, 64> link{};
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/proc/self/fd/%d", fd);
  const bool is_known = readlink(path.data(), link.data(), link.size() - 1) > 0;
  errno = before;
  const std::string_view target = link.data();
  return is_known && (target == "anon_inode:[eventfd]" || target == "anon_inode:[timerfd]");
}

std::int32_t fault_of(int fd, Kind file, Kind network) {
  const Kind kind = kind_of(fd, file, network);
  return kind == none ? 0 : fault(kind);
}

}  // namespace

#define REAL(name) static const auto real = next(&::name, #name)
#define FAIL_AS(kind, result)           \
  if (const auto error = fault(kind)) { \
    errno = error;                      \
    return result;                      \
  }

extern "C" {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-declarations"

void* malloc(std::size_t size) noexcept {
  if (fault(malloc_call)) {
    errno = ENOMEM;
    return nullptr;
  }
  return __libc_malloc(size);
}

int accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  REAL(accept4);
  FAIL_AS(accept_call, -1)
  return real(fd, address, length, flags);
}

int connect(int fd, const sockaddr* address, socklen_t length) {
  REAL(connect);
  FAIL_AS(connect_call, -1)
  return real(fd, address, length);
}

int socket(int domain, int type, int protocol) noexcept {
  REAL(socket);
  FAIL_AS(socket_call, -1)
  return real(domain, type, protocol);
}

int setsockopt(int fd, int level, int name, const void* value, socklen_t length) noexcept {
  REAL(setsockopt);
  FAIL_AS(setsockopt_call, -1)
  return real(fd, level, name, value, length);
}

ssize_t recv(int fd, void* data, std::size_t size, int flags) {
  REAL(recv);
  return transfer(fault(recv_call), size, [&](std::size_t part) { return real(fd, data, part, flags); });
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
  REAL(recvmsg);
  const auto error = fault(recv_call);
  if (error && error != is_short) {
    errno = error;
    return -1;
  }
  return real(fd, message, flags);
}

ssize_t send(int fd, const void* data, std::size_t size, int flags) {
  REAL(send);
  const auto error = fault(send_call);
  break_connection(fd, error);
  return transfer(error, size, [&](std::size_t part) { return real(fd, data, part, flags); });
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  REAL(sendmsg);
  const auto error = fault(sendmsg_call);
  break_connection(fd, error);
  return transfer(error, all, [&](std::size_t part) {
    iovec* const end = message->msg_iov + message->msg_iovlen;
    iovec* const first = std::find_if(message->msg_iov, end, [](const iovec& piece) { return piece.iov_len > 0; });
    if (part == all || first == end) return real(fd, message, flags);
    iovec piece{first->iov_base, part};
    msghdr less = *message;
    less.msg_iov = &piece;
    less.msg_iovlen = 1;
    return real(fd, &less, flags);
  });
}

int epoll_ctl(int fd, int operation, int descriptor, epoll_event* event) noexcept {
  REAL(epoll_ctl);
  // The kernel allocates nothing for the others.
  if (operation == EPOLL_CTL_ADD && !is_own_of_asio(descriptor)) FAIL_AS(epoll_ctl_call, -1)
  return real(fd, operation, descriptor, event);
}

int epoll_wait(int fd, epoll_event* events, int most, int timeout) {
  REAL(epoll_wait);
  FAIL_AS(epoll_wait_call, -1)
  return real(fd, events, most, timeout);
}

int open(const char* path, int flags, ...) {
  REAL(open);
  va_list list;
  va_start(list, flags);
  const mode_t mode = mode_of(flags, list);
  va_end(list);
  FAIL_AS(open_call, -1)
  return real(path, flags, mode);
}

int openat(int directory, const char* path, int flags, ...) {
  REAL(openat);
  va_list list;
  va_start(list, flags);
  const mode_t mode = mode_of(flags, list);
  va_end(list);
  FAIL_AS(open_call, -1)
  return real(directory, path, flags, mode);
}

ssize_t read(int fd, void* data, std::size_t size) {
  REAL(read);
  const auto error = fd == inotify_descriptor ? fault(inotify_read_call) : fault_of(fd, read_call, recv_call);
  return transfer(error, size, [&](std::size_t part) { return real(fd, data, part); });
}

ssize_t pread(int fd, void* data, std::size_t size, off_t offset) {
  REAL(pread);
  return transfer(fault(read_call), size, [&](std::size_t part) { return real(fd, data, part, offset); });
}

ssize_t write(int fd, const void* data, std::size_t size) {
  REAL(write);
  const auto error = fault_of(fd, write_call, send_call);
  return transfer(error, size, [&](std::size_t part) { return real(fd, data, part); });
}

ssize_t pwrite(int fd, const void* data, std::size_t size, off_t offset) {
  REAL(pwrite);
  return transfer(fault(write_call), size, [&](std::size_t part) { return real(fd, data, part, offset); });
}

int fsync(int fd) {
  REAL(fsync);
  FAIL_AS(fsync_call, -1)
  return real(fd);
}

int fdatasync(int fd) {
  REAL(fdatasync);
  FAIL_AS(fdatasync_call, -1)
  return real(fd);
}

int rename(const char* from, const char* to) noexcept {
  REAL(rename);
  FAIL_AS(rename_call, -1)
  return real(from, to);
}

int renameat(int from_directory, const char* from, int to_directory, const char* to) noexcept {
  REAL(renameat);
  FAIL_AS(rename_call, -1)
  return real(from_directory, from, to_directory, to);
}

int renameat2(int from_directory, const char* from, int to_directory, const char* to, unsigned flags) noexcept {
  REAL(renameat2);
  FAIL_AS(rename_call, -1)
  return real(from_directory, from, to_directory, to, flags);
}

int unlink(const char* path) noexcept {
  REAL(unlink);
  FAIL_AS(unlink_call, -1)
  return real(path);
}

int unlinkat(int directory, const char* path, int flags) noexcept {
  REAL(unlinkat);
  FAIL_AS(unlink_call, -1)
  return real(directory, path, flags);
}

int link(const char* from, const char* to) noexcept {
  REAL(link);
  FAIL_AS(link_call, -1)
  return real(from, to);
}

int ftruncate(int fd, off_t size) noexcept {
  REAL(ftruncate);
  FAIL_AS(truncate_call, -1)
  return real(fd, size);
}

int fallocate(int fd, int mode, off_t offset, off_t size) {
  REAL(fallocate);
  FAIL_AS(fallocate_call, -1)
  return real(fd, mode, offset, size);
}

int inotify_init1(int flags) noexcept {
  REAL(inotify_init1);
  FAIL_AS(inotify_init_call, -1)
  return inotify_descriptor = real(flags);
}

int inotify_add_watch(int fd, const char* path, std::uint32_t mask) noexcept {
  REAL(inotify_add_watch);
  FAIL_AS(inotify_add_call, -1)
  return real(fd, path, mask);
}

int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** result) {
  REAL(getaddrinfo);
  if (const auto error = fault(getaddrinfo_call)) {
    errno = EMFILE;  // the reason of EAI_SYSTEM
    return -error;
  }
  return real(name, service, hints, result);
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*function)(void*),
                   void* argument) noexcept {
  REAL(pthread_create);
  if (const auto error = fault(clone_call)) return error;
  return real(thread, attributes, function, argument);
}

pid_t fork() noexcept {
  REAL(fork);
  FAIL_AS(clone_call, -1)
  return real();
}

int posix_spawn(pid_t* process, const char* path, const posix_spawn_file_actions_t* actions,
                const posix_spawnattr_t* attributes, char* const words[], char* const environment[]) {
  REAL(posix_spawn);
  if (const auto error = fault(spawn_call)) return error;
  return real(process, path, actions, attributes, words, environment);
}

#pragma GCC diagnostic pop

}  // extern "C"
