#include <lonc/net/socket_watch.hpp>

#include <lonc/net/unique_fd.hpp>

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <utility>

namespace lonc::net {

namespace {

constexpr std::size_t most_at_once = 64;  // then others on the loop have their turn

std::error_code last_error() { return {errno, std::system_category()}; }

SocketWatch::News news_of(std::uint32_t events) {
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) return SocketWatch::News::gone;
  return (events & EPOLLRDHUP) != 0 ? SocketWatch::News::ended : SocketWatch::News::more;
}

}  // namespace

std::error_code SocketWatch::open() {
  UniqueFd fd{::epoll_create1(EPOLL_CLOEXEC)};
  if (!fd) return last_error();
  epoll_.emplace(strand_);
  boost::system::error_code error;
  epoll_->assign(fd.get(), error);
  if (error) {
    epoll_.reset();
    return error;
  }
  fd.release();
  wait();
  return {};
}

std::error_code SocketWatch::add(int fd, std::uint64_t number, Interest interest) {
  if (handler_ == nullptr) return std::make_error_code(std::errc::operation_canceled);
  if (!epoll_) {
    if (const std::error_code error = open()) return error;
  }
  const std::error_code error = control(EPOLL_CTL_ADD, fd, number, interest);
  if (error) {
    give_back_later();
  } else {
    ++watched_;
    was_used_ = true;
  }
  return error;
}

void SocketWatch::forget() {
  if (--watched_ == 0) give_back_later();
}

// Of ten thousand peers most have no client most of the time. One timer for many clients that come and go.
void SocketWatch::give_back_later() {
  if (watched_ > 0 || handler_ == nullptr || !epoll_ || std::exchange(is_timer_set_, true)) return;
  was_used_ = false;
  timer_.expires_after(keep_unused_);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    self->is_timer_set_ = false;
    if (error || self->watched_ > 0 || self->handler_ == nullptr) return;
    if (self->was_used_) return self->give_back_later();
    self->drop();
  });
}

std::error_code SocketWatch::change(int fd, std::uint64_t number, Interest interest) {
  if (!epoll_) return std::make_error_code(std::errc::operation_canceled);
  return control(EPOLL_CTL_MOD, fd, number, interest);
}

// Changes are told, not states: so nothing has to be said here before or after each wait.
std::error_code SocketWatch::control(int operation, int fd, std::uint64_t number, Interest interest) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
  if (interest == Interest::reading_and_writing) event.events |= EPOLLOUT;
  event.data.u64 = number;
  return ::epoll_ctl(epoll_->native_handle(), operation, fd, &event) == 0 ? std::error_code() : last_error();
}

void SocketWatch::wait() {
  epoll_->async_wait(boost::asio::posix::descriptor_base::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       // In the meantime the instance may have been given back.
                       if (!error && self->handler_ != nullptr && self->epoll_) self->look();
                     });
}

void SocketWatch::look() {
  std::array<epoll_event, most_at_once> events{};
  const int found = ::epoll_wait(epoll_->native_handle(), events.data(), most_at_once, 0);
  for (int i = 0; i < found && handler_ != nullptr; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    handler_->socket_ready(event.data.u64, news_of(event.events));
  }
  if (handler_ != nullptr && epoll_) wait();
}

void SocketWatch::close() {
  handler_ = nullptr;
  timer_.cancel();
  drop();
}

void SocketWatch::drop() {
  if (!epoll_) return;
  boost::system::error_code ignored;
  epoll_->close(ignored);
  epoll_.reset();
}

}  // namespace lonc::net
