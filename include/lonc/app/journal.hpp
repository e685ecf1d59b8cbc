// Log lines for systemd's journal, with what it can be asked for in fields of their own:
// `journalctl -u lonc PEER=msul3`.
#pragma once

#include <lonc/app/log_line.hpp>
#include <lonc/net/unique_fd.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace lonc::app {

// True if `fd` is the stream that systemd has named in JOURNAL_STREAM ("DEVICE:INODE"; null if that is not set).
bool leads_to_journal(int fd, const char* journal_stream);

// "NAME=VALUE" each: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, STATE, and if there is one PEER and COMMAND. Time and process
// are the journal's own.
std::vector<std::string> journal_fields(const LogLine& line);

// The way to the journal: its native protocol, by a socket of its own, since sd_journal_sendv() waits for as long as the
// journal hangs. For one thread.
class JournalSocket {
 public:
  static constexpr const char* system_path = "/run/systemd/journal/socket";
  // How long a line waits for room: when many come at once the journal is a little behind.
  static constexpr std::chrono::milliseconds patience{100};

  explicit JournalSocket(std::string path) : path_(std::move(path)) {}

  // An error if the line is lost: EAGAIN if there was no room, and then the next line does not wait, until one has gone
  // through.
  std::error_code send(const LogLine& line);

 private:
  std::error_code connect();
  std::error_code put(const std::string& datagram);

  std::string path_;
  net::UniqueFd fd_;
  bool is_stuck_ = false;
};

}  // namespace lonc::app
