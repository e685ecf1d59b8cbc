#include "daemon/process/service_manager.hpp"

#include <lonc/core/base/text.hpp>
#include <lonc/node/log/log_line.hpp>

#include <boost/asio/post.hpp>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace lonc::daemon {
namespace {

constexpr std::chrono::seconds rest{1};
constexpr std::chrono::milliseconds ready_rest{250};
constexpr std::chrono::seconds ready_patience{10};
constexpr std::size_t most_names = 5;

std::error_code notify(const std::string& message) {
  const int result = ::sd_notify(0, message.c_str());
  return result < 0 ? std::error_code{-result, std::system_category()} : std::error_code{};
}

// Replaces line ends, since each would start a new field.
std::string status_field(std::string_view text) {
  std::string field = "STATUS=";
  node::append_one_line(field, text);
  return field;
}

// The peers in one state that an administrator looks for: their number and the first few names. Empty if there is none.
std::string group(const std::vector<std::string_view>& ids, std::string_view state) {
  if (ids.empty()) return {};
  std::string text = ", " + std::to_string(ids.size()) + " " + std::string(state) + " (";
  for (std::size_t i = 0; i != std::min(ids.size(), most_names); ++i) text.append(i == 0 ? "" : ", ").append(ids[i]);
  if (ids.size() > most_names) text += " and " + std::to_string(ids.size() - most_names) + " more";
  return text + ")";
}

}  // namespace

namespace service_manager {

bool is_there() { return std::getenv("NOTIFY_SOCKET") != nullptr; }

std::chrono::microseconds watchdog_limit() {
  std::uint64_t limit = 0;
  return std::chrono::microseconds{::sd_watchdog_enabled(0, &limit) > 0 ? limit : 0};
}

std::error_code ready(std::string_view status) { return notify("READY=1\n" + status_field(status)); }

std::error_code reloading() {
  // systemd compares this with CLOCK_MONOTONIC, which is what steady_clock reads.
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch());
  return notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.count()) + "\nSTATUS=Reading the configuration");
}

std::error_code stopping(std::string_view status, std::chrono::microseconds longest) {
  return notify("STOPPING=1\nEXTEND_TIMEOUT_USEC=" + std::to_string(longest.count()) + "\n" + status_field(status));
}

std::error_code status(std::string_view text) { return notify(status_field(text)); }

std::error_code alive() { return notify("WATCHDOG=1"); }

}  // namespace service_manager

std::string status_line(const std::vector<net::PeerReport>& peers) {
  std::size_t up = 0;
  std::size_t starting = 0;
  std::vector<std::string_view> away;
  std::vector<std::string_view> paused;
  for (const net::PeerReport& peer : peers) {
    const core::PeerState state = peer.status.state;
    if (state == core::PeerState::up) {
      ++up;
    } else if (state == core::PeerState::starting) {
      ++starting;
    } else {
      (state == core::PeerState::paused ? paused : away).push_back(peer.status.peer_id);
    }
  }
  return "serving " + core::counted(peers.size(), "peer") + ": " + std::to_string(up) + " up" +
         (starting > 0 ? ", " + std::to_string(starting) + " connecting" : "") + group(away, "away") +
         group(paused, "drained");
}

void StatusLine::ready() {
  is_ready_due_ = true;
  ready_until_ = std::chrono::steady_clock::now() + ready_patience;
  timer_.cancel();  // ends a pause
  begin();
}

void StatusLine::stop() {
  is_stopped_ = true;
  timer_.cancel();
}

void StatusLine::state_changed() {
  if (is_wanted_ && !is_due_.exchange(true)) boost::asio::post(strand_, [this] { begin(); });
}

void StatusLine::begin() {
  if (is_wanted_ && !is_stopped_ && !std::exchange(is_busy_, true)) refresh();
}

void StatusLine::refresh() {
  is_due_ = false;
  board_.ask([this](const StatusBoard::Shared& snapshot) {
    if (!is_stopped_) send(status_line(snapshot->peers), snapshot->daemon.why_not_ready);
  });
}

void StatusLine::send(std::string text, const std::string& missing) {
  if (is_ready_due_ && (missing.empty() || std::chrono::steady_clock::now() >= ready_until_)) {
    is_ready_due_ = false;
    service_manager::ready(missing.empty() ? text : text + "; " + missing);
  } else if (is_ready_due_) {
    service_manager::status(missing);
  } else if (text != sent_) {
    service_manager::status(text);
  }
  sent_ = std::move(text);
  timer_.expires_after(is_ready_due_ ? ready_rest : rest);
  timer_.async_wait([this](const boost::system::error_code& /*cancelled: something is due*/) {
    if (is_stopped_) return;
    if (is_due_ || is_ready_due_) return refresh();
    is_busy_ = false;
  });
}

void Watchdog::start(std::chrono::microseconds limit) {
  interval_ = limit / 2;
  if (interval_ > std::chrono::microseconds::zero()) beat();
}

void Watchdog::stop() {
  is_stopped_ = true;
  timer_.cancel();
}

void Watchdog::beat() {
  // Does not ask again while an answer is pending: it may just be slow.
  if (!std::exchange(is_asking_, true)) {
    board_.ask([this](const StatusBoard::Shared& /*snapshot*/) {
      is_asking_ = false;
      if (!is_stopped_) service_manager::alive();
    });
  }
  timer_.expires_after(interval_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !is_stopped_) beat();
  });
}

}  // namespace lonc::daemon
