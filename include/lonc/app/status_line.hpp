// What the service manager is told of the peers: the line of `systemctl status`, sent anew when a peer goes up or away,
// but at most once a second; and that lonc is ready. Without a service manager it does nothing.
#pragma once

#include <lonc/app/service_manager.hpp>
#include <lonc/app/status_board.hpp>
#include <lonc/net/executor.hpp>
#include <lonc/net/peer_report.hpp>
#include <lonc/net/peer_session.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace lonc::app {

// "serving 37 peers: 35 up, 2 away (msul3, msul9)"
std::string status_line(const std::vector<net::PeerReport>& peers);

class StatusLine : public net::StateObserver {
 public:
  struct Needs {
    ServiceManager& manager;
    StatusBoard& board;
    std::function<std::string()> why_not_ready;  // on the strand; empty when lonc is ready
  };

  StatusLine(const net::Strand& strand, Needs needs);

  // On the strand. Says READY with the next line: when every socket listens, or after ten seconds without the one that
  // can not be made, since the other peers must not wait for it longer.
  void ready();
  // Nothing is said any more.
  void stop();

  // Any thread.
  void state_changed() override;

 private:
  void begin();
  void refresh();
  void tell(const Snapshot& snapshot);
  void pause(std::chrono::milliseconds time);

  net::Strand strand_;
  const Needs needs_;
  const bool is_wanted_;
  net::Timer timer_;
  std::atomic<bool> is_due_{false};
  bool is_busy_ = false;  // asking, or resting after it
  bool is_ready_due_ = false;
  bool is_stopped_ = false;
  std::chrono::steady_clock::time_point ready_until_{};
  std::string told_;
};

}  // namespace lonc::app
