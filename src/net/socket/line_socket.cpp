#include "net/socket/line_socket.hpp"

#include <lonc/core/base/error.hpp>
#include <lonc/os/files.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace lonc::net {

namespace {

constexpr std::size_t read_per_turn = 256 * 1024;
constexpr std::size_t short_line = 1024;
constexpr std::size_t most_sent_kept = 64 * 1024;  // sent bytes that may stay at the front of unsent_

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

// One copied buffer costs the kernel less than two parts: it saves a tenth of the whole call.
ssize_t send_short(int fd, std::string_view line) {
  std::array<char, short_line> text;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled right away
  *std::ranges::copy(line, text.data()).out = '\n';
  return os::uninterrupted([&] { return ::send(fd, text.data(), line.size() + 1, MSG_NOSIGNAL | MSG_DONTWAIT); });
}

ssize_t send_long(int fd, std::string_view line) {
  char newline = '\n';
  // sendmsg() does not modify what it sends; iovec just lacks const.
  std::array<iovec, 2> parts{iovec{const_cast<char*>(line.data()), line.size()}, iovec{&newline, 1}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return os::uninterrupted([&] { return ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT); });
}

}  // namespace

LineSocket::ReadResult LineSocket::try_read_line() {
  std::size_t total = 0;
  while (true) {
    std::string_view line;
    const auto found = framer_.next(line);
    if (found == core::LineFramer::Result::line) return {Read::line, line};
    if (found == core::LineFramer::Result::too_long) return {Read::too_long};
    if (fd_ < 0) return {Read::failed, {}, std::make_error_code(std::errc::operation_canceled)};
    // A sender that is as fast as this reader must not starve all others.
    if (total >= read_per_turn) return {Read::more};
    const auto room = framer_.prepare();
    const ssize_t result = os::uninterrupted([&] { return ::recv(fd_, room.data(), room.size(), MSG_DONTWAIT); });
    if (result <= 0) {
      if (result == 0) return {Read::end};
      return would_block(errno) ? ReadResult{Read::would_block} : ReadResult{Read::failed, {}, os::last_error()};
    }
    const auto received = static_cast<std::size_t>(result);
    framer_.commit(received);
    total += received;
    was_short_ = received < room.size();
  }
}

std::error_code LineSocket::send_line(std::string_view line) {
  if (has_unsent()) {
    keep(line);
    return flush();
  }
  const ssize_t sent = line.size() < short_line ? send_short(fd_, line) : send_long(fd_, line);
  if (sent < 0 && !would_block(errno)) return os::last_error();
  const std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
  if (done <= line.size()) keep(line.substr(done));
  return {};
}

// Rarely needed: the socket's own buffer takes what is common.
void LineSocket::keep(std::string_view line) {
  unsent_.append(line);
  unsent_.push_back('\n');
}

std::error_code LineSocket::flush() {
  while (has_unsent()) {
    const auto rest = std::string_view(unsent_).substr(sent_);
    const ssize_t sent =
        os::uninterrupted([&] { return ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT); });
    if (sent < 0 && !would_block(errno)) return os::last_error();
    if (sent < 0) {
      // Sent bytes must not pile up at the front of a buffer that is still being added to.
      if (sent_ >= most_sent_kept && sent_ >= unsent_.size() / 2) unsent_.erase(0, std::exchange(sent_, 0));
      return {};
    }
    sent_ += static_cast<std::size_t>(sent);
  }
  std::string().swap(unsent_);
  sent_ = 0;
  return {};
}

std::error_code LineSocket::check_quiet() const {
  if (framer_.has_bytes() || framer_.is_discarding() || has_unsent()) return core::Errc::out_of_turn;
  char byte = 0;
  const ssize_t seen = os::uninterrupted([&] { return ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT); });
  if (seen > 0) return core::Errc::out_of_turn;
  if (seen == 0) return core::Errc::connection_closed;
  return would_block(errno) ? std::error_code() : os::last_error();
}

void LineSocket::close() {
  if (fd_ < 0) return;
  if (watched_) {
    boost::system::error_code ignored;
    watched_->close(ignored);
  } else {
    ::close(fd_);
  }
  fd_ = -1;
}

std::error_code LineSocket::watch() {
  if (fd_ < 0) return std::make_error_code(std::errc::operation_canceled);
  if (watched_) return {};
  watched_ = std::make_unique<Descriptor>(strand_);
  boost::system::error_code error;
  watched_->assign(fd_, error);
  if (error) watched_.reset();
  return error;
}

Task<std::error_code> LineSocket::wait(boost::asio::posix::descriptor_base::wait_type what) {
  release_idle_buffers();
  was_short_ = false;
  const std::error_code unwatched = watch();
  if (unwatched) co_return unwatched;
  boost::system::error_code error;
  co_await watched_->async_wait(what, boost::asio::redirect_error(use_awaitable, error));
  co_return error;
}

}  // namespace lonc::net
