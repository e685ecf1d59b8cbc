#include <lonc/app/watchdog.hpp>

#include <utility>

namespace lonc::app {

Watchdog::Watchdog(const net::Strand& strand, Needs needs) : needs_(std::move(needs)), timer_(strand) {}

void Watchdog::start(std::chrono::microseconds limit) {
  interval_ = limit / 2;
  if (interval_ > std::chrono::microseconds::zero()) beat();
}

void Watchdog::stop() {
  is_stopped_ = true;
  timer_.cancel();
}

void Watchdog::beat() {
  // Who has not answered the last question is not asked a second one: it may just be slow.
  if (!std::exchange(is_asking_, true)) {
    needs_.ask([this] {
      is_asking_ = false;
      if (!is_stopped_) needs_.alive();
    });
  }
  timer_.expires_after(interval_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !is_stopped_) beat();
  });
}

}  // namespace lonc::app
