// Tells systemd how the daemon does, if systemd started it (NOTIFY_SOCKET); otherwise does nothing.
#pragma once

#include <chrono>
#include <string_view>
#include <system_error>

namespace lonc::app {

class ServiceManager {
 public:
  bool is_there() const;
  // After so long without alive() it takes the daemon for stuck and kills it. Zero: it does not watch this process.
  std::chrono::microseconds watchdog_limit() const;

  // Each answers with the error of a message that could not be sent; without a service manager there is none.
  std::error_code ready(std::string_view status);
  // `ready` follows when the reload is done.
  std::error_code reloading();
  // The end comes within `longest`, however short the unit's TimeoutStopSec is.
  std::error_code stopping(std::string_view status, std::chrono::microseconds longest);
  // The line that `systemctl status` shows.
  std::error_code status(std::string_view text);
  std::error_code alive();
};

}  // namespace lonc::app
