#include "net/socket/socket_watch.hpp"

#include <lonc/os/files.hpp>
#include <lonc/os/unique_fd.hpp>

#include <array>
#include <cerrno>
#include <utility>

namespace lonc::net {

namespace {

constexpr std::size_t most_at_once = 64;  // then others on the loop get a turn

SocketWatch::News news_of(std::uint32_t events) {
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) return SocketWatch::News::gone;
  return (events & EPOLLRDHUP) != 0 ? SocketWatch::News::ended : SocketWatch::News::more;
}

}  // namespace

std::error_code SocketWatch::open() {
  os::UniqueFd fd{::epoll_create1(EPOLL_CLOEXEC)};
  if (!fd) return os::last_error();
  boost::system::error_code error;
  epoll_.emplace(strand_);
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

// Of ten thousand peers, most have no client most of the time. One timer serves many clients that come and go.
void SocketWatch::give_back_later() {
  if (watched_ > 0 || handler_ == nullptr || !epoll_ || std::exchange(is_timer_set_, true)) return;
  was_used_ = false;
  timer_.expires_after(keep_unused_);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    self->is_timer_set_ = false;
    if (error || self->watched_ > 0 || self->handler_ == nullptr) return;
    if (self->was_used_) return self->give_back_later();
    self->epoll_.reset();
  });
}

// Edge-triggered: changes are reported, not states, so nothing has to be called here before or after each wait.
std::error_code SocketWatch::control(int operation, int fd, std::uint64_t number, Interest interest) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
  if (interest == Interest::reading_and_writing) event.events |= EPOLLOUT;
  event.data.u64 = number;
  return ::epoll_ctl(epoll_->native_handle(), operation, fd, &event) == 0 ? std::error_code() : os::last_error();
}

void SocketWatch::wait() {
  epoll_->async_wait(boost::asio::posix::descriptor_base::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       // The instance may have been released in the meantime.
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

}  // namespace lonc::net
