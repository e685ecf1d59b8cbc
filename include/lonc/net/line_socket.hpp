// Lines over a connected stream socket of any family: tries the system call first and has the reactor watch the
// descriptor only when it must wait. Knows no protocol and no deadline.
#pragma once

#include <lonc/core/line_framer.hpp>
#include <lonc/net/executor.hpp>
#include <lonc/net/unique_fd.hpp>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace lonc::net {

class LineSocket {
 public:
  enum class Read {
    line,         // `text` holds a line without its '\n', until the next call of any member
    too_long,     // a line exceeds the limit; its bytes are passed over, told once
    would_block,  // nothing is there: wait_readable() and try again
    more,         // much was no whole line: try again when others have had their turn
    end,          // the other side sends no more; bytes without '\n' at the end are dropped
    failed,       // `error` says why
  };
  struct ReadResult {
    Read kind;
    std::string_view text{};
    std::error_code error{};
  };

  // `fd` is a non-blocking stream socket, connected or being connected.
  LineSocket(Strand strand, UniqueFd fd, std::size_t line_limit);

  ReadResult try_read_line();
  // Waits in it, so never Read::would_block or more. A closed socket gives Read::failed.
  Task<ReadResult> read_line();

  // Sends `line` and '\n', or keeps what the socket does not take at once. `line` may hold further line ends.
  std::error_code send_line(std::string_view line);
  // Sends what is kept, as far as the socket takes it.
  std::error_code flush();
  bool has_unsent() const { return sent_ != unsent_.size(); }
  std::size_t unsent() const { return unsent_.size() - sent_; }

  // The error is operation_canceled after close().
  Task<std::error_code> wait_readable() { return wait(boost::asio::posix::descriptor_base::wait_read); }
  Task<std::error_code> wait_writable() { return wait(boost::asio::posix::descriptor_base::wait_write); }
  // A client or a connection may be idle for hours: gives back what buffers hold nothing. Each wait does so, too.
  void release_idle_buffers();

  // True if bytes have been received that try_read_line() has not returned yet.
  bool has_bytes() const { return framer_.has_bytes(); }
  // A line has begun; its rest may be one that is passed over.
  bool is_mid_line() const { return framer_.has_bytes() || framer_.is_discarding(); }
  // Bytes of memory that hold what has been received.
  std::size_t memory() const { return framer_.capacity(); }
  void pass_over_line() { framer_.pass_over(); }
  // The last receive took all that was there, and no byte of it is left: asking again now would be in vain.
  bool is_drained() const { return was_short_ && !framer_.has_bytes(); }
  // No error if neither bytes nor an end of file are waiting, here or in the socket, and all has been sent; otherwise
  // Errc::out_of_turn, Errc::connection_closed or the socket's own error.
  std::error_code check_quiet() const;

  void set_line_limit(std::size_t bytes);
  // Waits end with an error, in a later turn. A view from try_read_line() stays valid.
  void close();
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

  ~LineSocket() { close(); }
  LineSocket(const LineSocket&) = delete;
  LineSocket& operator=(const LineSocket&) = delete;

 private:
  using Descriptor = boost::asio::posix::basic_stream_descriptor<Strand>;

  std::optional<ReadResult> next_buffered();
  void keep(std::string_view line);
  std::error_code watch();
  Task<std::error_code> wait(boost::asio::posix::descriptor_base::wait_type what);

  Strand strand_;
  int fd_;
  std::unique_ptr<Descriptor> watched_;  // owns fd_ from the first wait on; not made for those that never wait here
  std::size_t line_limit_;
  core::LineFramer framer_;
  bool was_short_ = false;
  std::string unsent_;  // lines with their '\n', that the socket did not take
  std::size_t sent_ = 0;  // of unsent_
};

}  // namespace lonc::net
