#include <lonc/app/service_manager.hpp>

#include <lonc/app/log_line.hpp>

#include <systemd/sd-daemon.h>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace lonc::app {
namespace {

std::error_code notify(const std::string& message) {
  const int result = ::sd_notify(0, message.c_str());
  return result < 0 ? std::error_code{-result, std::system_category()} : std::error_code{};
}

// A line end would begin another field.
std::string status_field(std::string_view text) {
  std::string field = "STATUS=";
  append_one_line(field, text);
  return field;
}

}  // namespace

bool ServiceManager::is_there() const { return std::getenv("NOTIFY_SOCKET") != nullptr; }

std::chrono::microseconds ServiceManager::watchdog_limit() const {
  std::uint64_t limit = 0;
  return std::chrono::microseconds{::sd_watchdog_enabled(0, &limit) > 0 ? limit : 0};
}

std::error_code ServiceManager::ready(std::string_view status) { return notify("READY=1\n" + status_field(status)); }

std::error_code ServiceManager::reloading() {
  // systemd compares this with CLOCK_MONOTONIC, which is what steady_clock reads.
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch());
  return notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.count()) + "\nSTATUS=Reading the configuration");
}

std::error_code ServiceManager::stopping(std::string_view status, std::chrono::microseconds longest) {
  return notify("STOPPING=1\nEXTEND_TIMEOUT_USEC=" + std::to_string(longest.count()) + "\n" + status_field(status));
}

std::error_code ServiceManager::status(std::string_view text) { return notify(status_field(text)); }

std::error_code ServiceManager::alive() { return notify("WATCHDOG=1"); }

}  // namespace lonc::app
