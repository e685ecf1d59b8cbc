// Reports which of many sockets have become ready: an epoll instance of its own, which the loop watches as one
// descriptor. A socket watched here takes no memory in this process while it is idle and no system call each time it is
// waited for, unlike with the loop itself. Knows sockets only by a number.
#pragma once

#include <lonc/core/base/types.hpp>
#include <lonc/net/socket/executor.hpp>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <sys/epoll.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>

namespace lonc::net {

// Used on its strand only.
class SocketWatch : public std::enable_shared_from_this<SocketWatch> {
 public:
  enum class News {
    more,  // it has become readable, or writable if that was requested
    ended,  // it has closed its sending end, but may still read
    gone,  // it was closed or reset: anything sent reaches nobody
  };
  struct Handler {
    virtual ~Handler() = default;
    // For the socket that was added as `number`. Each change is reported once, as it happened; so the socket may have
    // been closed in the meantime.
    virtual void socket_ready(std::uint64_t number, News news) = 0;
  };
  enum class Interest { reading, reading_and_writing };

  // `handler` is called until close(). `keep_unused`: once nothing is watched any more, the epoll instance is kept for
  // this long, or up to twice that.
  SocketWatch(Strand strand, Handler& handler, core::Duration keep_unused = std::chrono::seconds{10})
      : strand_(std::move(strand)), handler_(&handler), keep_unused_(keep_unused), timer_(strand_) {}

  // Watches `fd` from now on until it is closed; call forget() when that happens. A condition that already holds is
  // reported as well. Never reports from within this call. May fail for lack of a descriptor for the epoll instance
  // (EMFILE).
  std::error_code add(int fd, std::uint64_t number, Interest interest);
  // The same for a socket that was added.
  std::error_code change(int fd, std::uint64_t number, Interest interest) {
    if (!epoll_) return std::make_error_code(std::errc::operation_canceled);
    return control(EPOLL_CTL_MOD, fd, number, interest);
  }
  void forget() {
    if (--watched_ == 0) give_back_later();
  }
  void close() {
    handler_ = nullptr;
    timer_.cancel();
    epoll_.reset();
  }

 private:
  std::error_code open();
  std::error_code control(int operation, int fd, std::uint64_t number, Interest interest);
  void wait();
  void look();
  void give_back_later();

  Strand strand_;
  Handler* handler_;  // null after close()
  const core::Duration keep_unused_;
  // The epoll instance: exists from an add() until a while after the last of its sockets was forgotten, so that a peer
  // without idle clients needs no descriptor for them.
  std::optional<boost::asio::posix::basic_stream_descriptor<Strand>> epoll_;
  std::size_t watched_ = 0;
  Timer timer_;
  bool is_timer_set_ = false;
  bool was_used_ = false;  // since the timer was set
};

}  // namespace lonc::net
