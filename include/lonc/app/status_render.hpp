// The text of the two status files: the classic one, which older tools read, and JSON (docs/status-json.md). Pure;
// status_files.hpp writes them.
#pragma once

#include <lonc/app/status_history.hpp>
#include <lonc/net/peer_report.hpp>
#include <lonc/net/spooler.hpp>

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace lonc::app {

// The daemon's own line.
struct ParentReport {
  using WallTime = std::chrono::system_clock::time_point;

  pid_t pid = 0;
  std::string host_id;
  std::string version;
  WallTime started_at{};
  std::string text;  // what it is doing: "Running"
  WallTime text_since{};
  std::string last_log;  // the message of the last log line; empty if none
  core::Severity last_log_severity = core::Severity::notice;
  WallTime last_log_at{};
  net::SpoolReport spool;
  core::Duration interval{};  // status-interval
  std::string log_level{};    // a word of the setting
  bool is_ready = false;      // every socket listens, and it is not stopping
  std::uint64_t log_lines_dropped = 0;
  std::vector<std::string> problems{};  // of its own files: an administrator has to do something
  std::vector<HistorySample> history{};
};

// "LONC status LOCALTIME - parent PID", a blank line, then PID, SERVER, STATUS and LASTLOG with a TAB between:
// PARENT first, then the peers sorted by id. A control byte in a text becomes a blank.
std::string render_status_text(const ParentReport& parent, const std::vector<net::PeerReport>& peers,
                               std::chrono::system_clock::time_point now);

std::string render_status_json(const ParentReport& parent, const std::vector<net::PeerReport>& peers,
                               std::chrono::system_clock::time_point now);

// "2002-03-08T03:56:19.042Z"
std::string utc_text(std::chrono::system_clock::time_point time);

}  // namespace lonc::app
