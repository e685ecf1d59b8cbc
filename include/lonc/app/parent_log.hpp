// The daemon's own lines in the log, under the name PARENT, and its own line in the status.
#pragma once

#include <lonc/app/status_render.hpp>
#include <lonc/net/log_sink.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace lonc::app {

class ParentLog {
 public:
  explicit ParentLog(net::LogSink& sink) : sink_(sink) {}

  void set_status(std::string text) {
    status_ = std::move(text);
    status_since_ = std::chrono::system_clock::now();
  }

  // Outside text in `message` is escaped by the caller.
  void write(core::Severity severity, std::string_view message) {
    last_ = message;
    last_severity_ = severity;
    last_at_ = std::chrono::system_clock::now();
    sink_.write(severity, {.server = "PARENT", .status = status_, .status_since = status_since_}, message);
  }

  // Fills in what this object knows.
  void report(ParentReport& parent) const {
    parent.text = status_;
    parent.text_since = status_since_;
    parent.last_log = last_;
    parent.last_log_severity = last_severity_;
    parent.last_log_at = last_at_;
  }

 private:
  net::LogSink& sink_;
  std::string status_ = "Starting";
  std::chrono::system_clock::time_point status_since_ = std::chrono::system_clock::now();
  std::string last_;
  core::Severity last_severity_ = core::Severity::notice;
  std::chrono::system_clock::time_point last_at_{};
};

}  // namespace lonc::app
