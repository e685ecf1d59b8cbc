// Lines over a connected stream socket of any address family. Tries the system call first and has the reactor watch the
// descriptor only when it must wait. Knows neither protocols nor deadlines. Used on its strand only.
#pragma once

#include <lonc/core/wire/line_framer.hpp>
#include <lonc/net/socket/executor.hpp>
#include <lonc/os/unique_fd.hpp>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace lonc::net {

class LineSocket {
 public:
  enum class Read {
    line,  // `text` holds a line without its '\n', until the next call of any member
    too_long,  // a line exceeds the limit; its bytes are skipped, which is reported once
    would_block,  // no data yet: call wait_readable() and try again
    more,  // much was read without completing a line: try again after others have had a turn
    end,  // the other side has closed its sending end; bytes after the last '\n' are dropped
    failed,  // `error` says why
  };
  struct ReadResult {
    Read kind;
    std::string_view text{};
    std::error_code error{};
  };

  // `fd` is a non-blocking stream socket, connected or connecting.
  LineSocket(Strand strand, os::UniqueFd fd, std::size_t line_limit)
      : strand_(std::move(strand)), fd_(fd.release()), framer_(line_limit) {}

  ReadResult try_read_line();

  // Sends `line` and '\n'; buffers what the socket does not accept at once. `line` may contain further newlines.
  std::error_code send_line(std::string_view line);
  // Sends buffered data, as far as the socket accepts it.
  std::error_code flush();
  bool has_unsent() const { return sent_ != unsent_.size(); }
  std::size_t unsent() const { return unsent_.size() - sent_; }

  // The error is operation_canceled after close().
  Task<std::error_code> wait_readable() { return wait(boost::asio::posix::descriptor_base::wait_read); }
  Task<std::error_code> wait_writable() { return wait(boost::asio::posix::descriptor_base::wait_write); }
  // Frees buffers that hold no data, since a client or a connection may be idle for hours. Each wait does this, too.
  void release_idle_buffers() {
    if (!framer_.has_bytes()) framer_.release();
  }

  // True if bytes have been received that try_read_line() has not returned yet.
  bool has_bytes() const { return framer_.has_bytes(); }
  // A line has begun; it may be one whose rest is being skipped.
  bool is_mid_line() const { return framer_.has_bytes() || framer_.is_discarding(); }
  // Memory used for received data, in bytes.
  std::size_t memory() const { return framer_.capacity(); }
  void pass_over_line() { framer_.pass_over(); }
  // The last receive took everything available, and none of it is left: receiving again now would return nothing.
  bool is_drained() const { return was_short_ && !framer_.has_bytes(); }
  // No error if neither data nor an end of file is pending, here or in the socket, and everything has been sent;
  // otherwise Errc::out_of_turn, Errc::connection_closed or the socket's own error.
  std::error_code check_quiet() const;

  void set_line_limit(std::size_t bytes) { framer_.set_limit(bytes); }
  // Pending waits end with an error, in a later turn. A view from try_read_line() stays valid.
  void close();
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

  ~LineSocket() { close(); }
  LineSocket(const LineSocket&) = delete;
  LineSocket& operator=(const LineSocket&) = delete;

 private:
  using Descriptor = boost::asio::posix::basic_stream_descriptor<Strand>;

  void keep(std::string_view line);
  std::error_code watch();
  Task<std::error_code> wait(boost::asio::posix::descriptor_base::wait_type what);

  Strand strand_;
  int fd_;
  std::unique_ptr<Descriptor> watched_;  // owns fd_ from the first wait on; never created if nothing waits here
  core::LineFramer framer_;
  bool was_short_ = false;
  std::string unsent_;  // lines with their '\n' that the socket did not accept
  std::size_t sent_ = 0;  // bytes of unsent_ that are sent
};

}  // namespace lonc::net
