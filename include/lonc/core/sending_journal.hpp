// The text of delayed/.sending: which messages were handed out to be sent, and what became of them
// (docs/spool-format.md). Only the format; core::Spool says when what is written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::core {

struct SendingRecord {
  enum class Kind : char {
    planned = 'P',   // handed out in this order; sent one after the other
    unclear = 'U',   // sent, and what became of it is not known, or can not be believed; it is sent again
    answered = 'A',  // its S: line has been written to the permanent log
    logged = 'L',    // its S: line is durable there; only its file is left to delete
    returned = 'R',  // not sent after all, or set aside
  };
  Kind kind = Kind::planned;
  std::uint64_t inode = 0;
  std::string host_id;
  std::string name;
};

// A line with its line end. Ids and names hold no control bytes.
std::string to_journal_line(const SendingRecord& record);

// The first line of the file.
std::string journal_header(std::string_view boot_id);

struct SendingJournal {
  std::string boot_id;  // empty if there is no header
  std::vector<SendingRecord> records;
};

// Passes over what is no whole record: the end of the file may be torn after a loss of power.
SendingJournal parse_journal(std::string_view text);

// What is still open at its end: the last record of each message, in the order in which they were handed out, without
// those that were returned. What was unclear and is handed out again stays unclear.
std::vector<SendingRecord> open_records(const SendingJournal& journal);

}  // namespace lonc::core
