// If systemd started the daemon (NOTIFY_SOCKET), notifies it of start and stop, of the peers that are away, and that
// the daemon is alive. Without systemd, does nothing.
#pragma once

#include "daemon/status/snapshot.hpp"

#include <lonc/net/reports.hpp>
#include <lonc/net/session/peer_session.hpp>
#include <lonc/net/socket/executor.hpp>

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace lonc::daemon {

// The messages of sd_notify(3). Any thread.
namespace service_manager {

bool is_there();
// After this time without alive(), systemd considers the daemon stuck and kills it. Zero: it does not watch this
// process.
std::chrono::microseconds watchdog_limit();

// Each returns the error if the message could not be sent; no error without a service manager.
std::error_code ready(std::string_view status);
// Call ready() when the reload is done.
std::error_code reloading();
// Announces that the stop takes at most `longest`, even if the unit's TimeoutStopSec is shorter.
std::error_code stopping(std::string_view status, std::chrono::microseconds longest);
// Sets the line that `systemctl status` shows.
std::error_code status(std::string_view text);
std::error_code alive();

}  // namespace service_manager

// "serving 37 peers: 35 up, 2 away (msul3, msul9)"
std::string status_line(const std::vector<net::PeerReport>& peers);

// Reports that lonc is ready, and maintains the line in `systemctl status`: sends it again when a peer goes up or away,
// but at most once a second. Lives on `strand`.
class StatusLine : public net::StateObserver {
 public:
  StatusLine(const net::Strand& strand, StatusBoard& board) : strand_(strand), board_(board), timer_(strand) {}

  // Sends READY with the next line once every socket listens. If a socket cannot be made, sends READY after ten
  // seconds, since the other peers must not wait any longer.
  void ready();
  // Sends nothing more.
  void stop();

  // Any thread.
  void state_changed() override;

 private:
  void begin();
  void refresh();
  void send(std::string text, const std::string& missing);

  net::Strand strand_;
  StatusBoard& board_;
  const bool is_wanted_ = service_manager::is_there();
  net::Timer timer_;
  std::atomic<bool> is_due_{false};
  bool is_busy_ = false;  // asking, or pausing after it
  bool is_ready_due_ = false;
  bool is_stopped_ = false;
  std::chrono::steady_clock::time_point ready_until_{};
  std::string sent_;
};

// The heartbeat. It comes from the event loop itself: each beat asks every strand and is sent only when all have
// answered, so that a stuck strand is detected even while other threads still work. Lives on `strand`.
class Watchdog {
 public:
  Watchdog(const net::Strand& strand, StatusBoard& board) : board_(board), timer_(strand) {}

  // Asks twice within `limit`; never if it is zero.
  void start(std::chrono::microseconds limit);
  void stop();

 private:
  void beat();

  StatusBoard& board_;
  net::Timer timer_;
  std::chrono::microseconds interval_{0};
  bool is_asking_ = false;
  bool is_stopped_ = false;
};

}  // namespace lonc::daemon
