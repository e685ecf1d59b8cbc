#include <lonc/net/line_socket.hpp>

#include <lonc/core/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

namespace lonc::net {

namespace {

constexpr std::size_t read_per_turn = 256 * 1024;
constexpr std::size_t short_line = 1024;
constexpr std::size_t most_sent_kept = 64 * 1024;  // bytes at the front of what is kept, that have been sent

std::error_code last_error() { return {errno, std::system_category()}; }
bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

// One piece, copied together, costs the system less than two: a tenth of the whole call.
ssize_t send_short(int fd, std::string_view line) {
  std::array<char, short_line> text;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled right away
  *std::ranges::copy(line, text.data()).out = '\n';
  ssize_t sent = 0;
  do {
    sent = ::send(fd, text.data(), line.size() + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

ssize_t send_long(int fd, std::string_view line) {
  char newline = '\n';
  // sendmsg does not write to what it sends; iovec only has no const.
  std::array<iovec, 2> parts{iovec{const_cast<char*>(line.data()), line.size()}, iovec{&newline, 1}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

}  // namespace

LineSocket::LineSocket(Strand strand, UniqueFd fd, std::size_t line_limit)
    : strand_(std::move(strand)), fd_(fd.release()), line_limit_(line_limit), framer_(line_limit) {}

std::optional<LineSocket::ReadResult> LineSocket::next_buffered() {
  std::string_view line;
  switch (framer_.next(line)) {
    case core::LineFramer::Result::line:
      return ReadResult{Read::line, line};
    case core::LineFramer::Result::too_long:
      return ReadResult{Read::too_long};
    case core::LineFramer::Result::need_more:
      break;
  }
  return std::nullopt;
}

LineSocket::ReadResult LineSocket::try_read_line() {
  std::size_t total = 0;
  while (true) {
    if (const auto found = next_buffered()) return *found;
    if (fd_ < 0) return {Read::failed, {}, std::make_error_code(std::errc::operation_canceled)};
    // Whoever sends as fast as this reads must not keep all others from their turn.
    if (total >= read_per_turn) return {Read::more};
    const auto room = framer_.prepare();
    const ssize_t received = ::recv(fd_, room.data(), room.size(), MSG_DONTWAIT);
    if (received > 0) {
      framer_.commit(static_cast<std::size_t>(received));
      total += static_cast<std::size_t>(received);
      was_short_ = static_cast<std::size_t>(received) < room.size();
    } else if (received == 0) {
      return {Read::end};
    } else if (would_block(errno)) {
      return {Read::would_block};
    } else if (errno != EINTR) {
      return {Read::failed, {}, last_error()};
    }
  }
}

Task<LineSocket::ReadResult> LineSocket::read_line() {
  while (true) {
    const ReadResult read = try_read_line();
    if (read.kind != Read::would_block && read.kind != Read::more) co_return read;
    const std::error_code error = co_await wait_readable();
    if (error) co_return ReadResult{Read::failed, {}, error};
  }
}

std::error_code LineSocket::send_line(std::string_view line) {
  if (has_unsent()) {
    keep(line);
    return flush();
  }
  const ssize_t sent = line.size() < short_line ? send_short(fd_, line) : send_long(fd_, line);
  if (sent < 0 && !would_block(errno)) return last_error();
  const std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
  if (done <= line.size()) keep(line.substr(done));
  return {};
}

// Seldom: the socket's own buffer takes what is common.
void LineSocket::keep(std::string_view line) {
  unsent_.append(line);
  unsent_.push_back('\n');
}

std::error_code LineSocket::flush() {
  while (has_unsent()) {
    const ssize_t sent = ::send(fd_, unsent_.data() + sent_, unsent_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      sent_ += static_cast<std::size_t>(sent);
    } else if (would_block(errno)) {
      // What was sent must not pile up at the front of what is still being added to.
      if (sent_ >= most_sent_kept && sent_ >= unsent_.size() / 2) {
        unsent_.erase(0, sent_);
        sent_ = 0;
      }
      return {};
    } else if (errno != EINTR) {
      return last_error();
    }
  }
  std::string().swap(unsent_);
  sent_ = 0;
  return {};
}

std::error_code LineSocket::check_quiet() const {
  if (framer_.has_bytes() || framer_.is_discarding() || has_unsent()) return core::Errc::out_of_turn;
  char byte = 0;
  ssize_t seen = 0;
  do {
    seen = ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  } while (seen < 0 && errno == EINTR);
  if (seen > 0) return core::Errc::out_of_turn;
  if (seen == 0) return core::Errc::connection_closed;
  return would_block(errno) ? std::error_code() : last_error();
}

void LineSocket::set_line_limit(std::size_t bytes) {
  line_limit_ = bytes;
  framer_.set_limit(bytes);
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

void LineSocket::release_idle_buffers() {
  if (!framer_.has_bytes()) framer_.release();
}

}  // namespace lonc::net
