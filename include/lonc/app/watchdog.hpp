// The heartbeat for the service manager. It comes out of the event loop itself: each beat asks every strand, and only
// when all have answered it is given, so that one that is stuck is caught, whatever the other threads do.
#pragma once

#include <lonc/net/executor.hpp>

#include <chrono>
#include <functional>

namespace lonc::app {

class Watchdog {
 public:
  // Both are called on the strand; what `ask` gets is called there, too, when all have answered.
  struct Needs {
    std::function<void(std::function<void()>)> ask;
    std::function<void()> alive;
  };

  Watchdog(const net::Strand& strand, Needs needs);

  // On the strand. Asks twice within `limit`; never if that is zero.
  void start(std::chrono::microseconds limit);
  void stop();

 private:
  void beat();

  const Needs needs_;
  net::Timer timer_;
  std::chrono::microseconds interval_{0};
  bool is_asking_ = false;
  bool is_stopped_ = false;
};

}  // namespace lonc::app
