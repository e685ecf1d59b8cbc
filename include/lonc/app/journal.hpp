// Log lines for systemd's journal, with what it can be asked for in fields of their own:
// `journalctl -u lonc PEER=msul3`.
#pragma once

#include <lonc/app/log_line.hpp>

#include <string>
#include <system_error>
#include <vector>

namespace lonc::app {

// True if `fd` is the stream that systemd has named in JOURNAL_STREAM ("DEVICE:INODE"; null if that is not set).
bool leads_to_journal(int fd, const char* journal_stream);

// "NAME=VALUE" each: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, STATE, and if there is one PEER and COMMAND. Time and process
// are the journal's own.
std::vector<std::string> journal_fields(const LogLine& line);

// May wait while the journal is busy, so not for the event loop. No error where there is no journal.
std::error_code send_to_journal(const LogLine& line);

}  // namespace lonc::app
