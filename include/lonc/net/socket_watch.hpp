// Which of many sockets have become ready: an epoll instance of its own, which the loop watches as one descriptor. What
// is watched here takes no memory of this process while it is idle and no system call each time it is waited for, as
// it would with the loop itself. Knows sockets by a number alone.
#pragma once

#include <lonc/core/types.hpp>
#include <lonc/net/executor.hpp>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

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
    more,  // it has become readable, or writable where that was asked for
    ended,  // it says nothing more, but may still read
    gone,  // it was closed or reset: whatever is sent reaches nobody
  };
  struct Handler {
    virtual ~Handler() = default;
    // Of the socket that was added as `number`. Told once for each change, as it came; so one that was closed in the
    // meantime may still be named.
    virtual void socket_ready(std::uint64_t number, News news) = 0;
  };
  enum class Interest { reading, reading_and_writing };

  // `handler` is called until close(). `keep_unused`: for how long, or twice that, the epoll instance stays when
  // nothing is watched any more.
  SocketWatch(Strand strand, Handler& handler, core::Duration keep_unused = std::chrono::seconds{10})
      : strand_(std::move(strand)), handler_(&handler), keep_unused_(keep_unused), timer_(strand_) {}

  // From now on until `fd` is closed, which forget() is to be told then. What is true already is told as well. Never
  // tells from within this call. There may be no descriptor for it (EMFILE).
  std::error_code add(int fd, std::uint64_t number, Interest interest);
  // The same for one that was added.
  std::error_code change(int fd, std::uint64_t number, Interest interest);
  void forget();
  void close();

 private:
  std::error_code open();
  std::error_code control(int operation, int fd, std::uint64_t number, Interest interest);
  void wait();
  void look();
  void give_back_later();
  void drop();

  Strand strand_;
  Handler* handler_;  // none after close()
  const core::Duration keep_unused_;
  // The epoll instance: there from an add() until a while after the last of its sockets was forgotten, so that a peer
  // without idle clients needs no descriptor for them.
  std::optional<boost::asio::posix::basic_stream_descriptor<Strand>> epoll_;
  std::size_t watched_ = 0;
  Timer timer_;
  bool is_timer_set_ = false;
  bool was_used_ = false;  // since the timer was set
};

}  // namespace lonc::net
