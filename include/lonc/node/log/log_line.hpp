// One line of the log, as text for lonc.log and as fields for systemd's journal. Values to filter by have fields of
// their own there: `journalctl -u lonc PEER=msul3`.
#pragma once

#include <lonc/core/base/types.hpp>
#include <lonc/os/unique_fd.hpp>

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace lonc::node {

struct LogLine {
  std::chrono::system_clock::time_point time{};
  pid_t pid = 0;
  core::Severity severity = core::Severity::routine;
  std::string server{};
  std::string status{};
  std::chrono::system_clock::time_point status_since{};
  std::string message{};
  std::string command{};  // not part of the text
};

// Appends "LOCALTIME (PID) [SERVER] [STATUS]: MESSAGE" and a '\n'. The sender has already escaped outside text. Any
// remaining control byte becomes a space, so that nothing can look like a second line.
void append_log_line(std::string& out, const LogLine& line);

// The prefix of a message, such as "WARNING: "; empty for severities without one. loncron counts these words.
std::string_view severity_prefix(core::Severity severity);

// Appends `text` with control bytes replaced by spaces.
void append_one_line(std::string& out, std::string_view text);

// True if `fd` is the stream that systemd named in JOURNAL_STREAM ("DEVICE:INODE"; null if the variable is not set).
bool leads_to_journal(int fd, const char* journal_stream);

// Each in the form "NAME=VALUE": MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, STATE, and PEER and COMMAND if there are any.
// The journal itself adds time and process.
std::vector<std::string> journal_fields(const LogLine& line);

// Sends to the journal in its native protocol over a socket of its own, since sd_journal_sendv() blocks for as long as
// the journal hangs. For use by one thread.
class JournalSocket {
 public:
  static constexpr const char* system_path = "/run/systemd/journal/socket";
  // How long a line waits for room: the journal falls a little behind when many lines come at once.
  static constexpr std::chrono::milliseconds patience{100};

  explicit JournalSocket(std::string path) : path_(std::move(path)) {}

  // Returns an error if the line is lost; EAGAIN if there was no room. After EAGAIN, further lines do not wait until
  // one gets through.
  std::error_code send(const LogLine& line);

 private:
  std::error_code connect();
  std::error_code put(const std::string& datagram);

  std::string path_;
  os::UniqueFd fd_;
  bool is_stuck_ = false;
};

}  // namespace lonc::node
