// The part of PeerSession::Impl that tells people what is going on.
#include "peer_session_impl.hpp"

#include <lonc/net/log_sink.hpp>

#include <utility>

namespace lonc::net {

void PeerSession::Impl::log_request(core::Severity severity, std::string_view command, std::string_view message) {
  if (std::exchange(is_status_old_, false)) refresh_status();
  if (severity != core::Severity::debug) {
    last_log_ = message;
    last_log_severity_ = severity;
    last_log_at_ = std::chrono::system_clock::now();
  }
  services_.log.write(severity, LogContext{peer_id_, text_, text_since_, command}, message);
}

void PeerSession::Impl::refresh_status() {
  auto status = engine_.status();
  const auto now = std::chrono::system_clock::now();
  if (std::exchange(state_, status.state) != status.state) {
    state_since_ = now;
    if (services_.observer) services_.observer->state_changed();
  }
  if (text_ == status.text) return;
  text_ = std::move(status.text);
  text_since_ = now;
}

PeerReport PeerSession::Impl::report() const {
  const auto steady_now = std::chrono::steady_clock::now();
  const auto wall_now = std::chrono::system_clock::now();
  const auto wall = [&](core::TimePoint time) {
    return wall_now + std::chrono::duration_cast<WallTime::duration>(time - steady_now);
  };
  PeerReport report;
  report.status = engine_.status();
  report.name = config_.name;
  report.address = address_text_;
  report.state_since = state_since_;
  report.text_since = text_since_;
  if (!report.status.last_error.empty()) report.last_error_at = wall(report.status.last_error_at);
  if (report.status.next_attempt != core::never) report.next_attempt_at = wall(report.status.next_attempt);
  report.last_log = last_log_;
  report.last_log_severity = last_log_severity_;
  report.last_log_at = last_log_at_;
  report.clients = clients_.size();
  return report;
}

}  // namespace lonc::net
