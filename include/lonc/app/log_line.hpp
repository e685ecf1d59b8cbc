// One line of lonc.log as text: "LOCALTIME (PID) [SERVER] [STATUS]: MESSAGE". Pure; writes nothing.
#pragma once

#include <lonc/core/types.hpp>

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>

namespace lonc::app {

struct LogLine {
  std::chrono::system_clock::time_point time{};
  pid_t pid = 0;
  core::Severity severity = core::Severity::notice;
  std::string_view server;
  std::string_view status;
  std::chrono::system_clock::time_point status_since{};
  std::string_view message;
  std::string_view command = {};  // not part of the text
};

// Appends the line with its '\n'. Outside text has been escaped by who wrote it; a control byte that is still
// there becomes a blank, so that nothing can look like a second line.
void append_log_line(std::string& out, const LogLine& line);

// "WARNING: " and the like; empty for the severities that carry no word, since loncron counts these words.
std::string_view severity_prefix(core::Severity severity);

// Appends `text` with control bytes as blanks.
void append_one_line(std::string& out, std::string_view text);

}  // namespace lonc::app
