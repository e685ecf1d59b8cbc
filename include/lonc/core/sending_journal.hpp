// The bytes of delayed/.sending: which messages were handed out to be sent, and what became of them
// (docs/spool-format.md). Only the format; core::Spool says when what is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::core {

struct SendingRecord {
  enum class Kind : char {
    planned = 'P',   // handed out in this order; sent one after the other
    unclear = 'U',   // sent, and what became of it is not known; it is sent again
    answered = 'A',  // its S: line has been written to the permanent log
    failed = 'F',    // its attempts are so many now
    returned = 'R',  // not sent after all, or set aside
    named = 'N',     // named as one that may be doubled, and perhaps only in memory
    told = 'T',      // its naming has been written
    logged = 'L',    // of an earlier version: its S: line is durable, only its file is left to delete
  };
  Kind kind = Kind::planned;
  std::uint64_t inode = 0;
  std::string host_id;
  std::string name;
  unsigned attempts = 0;    // that failed and count against the message
  bool was_unclear = false;  // of open_records(): planned again after it was unclear
};

// One of the two halves of the file: what was open when it was begun, and what was appended since. A higher generation
// takes the place of a lower one. Ids and names hold no control bytes.
class JournalHalf {
 public:
  // `boot_id` is empty if a later process must not believe what was written before.
  JournalHalf(std::string_view boot_id, std::uint64_t generation, const std::vector<SendingRecord>& open);

  // Its beginning, to be written in one step.
  const std::string& text() const { return text_; }
  // A line to be appended, with its line end.
  std::string line(const SendingRecord& record) const;

 private:
  std::string seal_;  // of the header: a line that an earlier generation has left does not fit it
  std::string text_;
};

struct SendingJournal {
  std::string boot_id;  // empty if there is no header
  std::uint64_t generation = 0;  // the highest that has left a trace
  std::size_t half = 0;          // which one counts
  std::vector<SendingRecord> records;
};

// Of the half that counts. Passes over what is no whole record: a write may be cut anywhere.
SendingJournal parse_journal(std::string_view bytes);

// What is still open at its end: the last record of each message, in the order in which they were handed out, without
// those that were returned.
std::vector<SendingRecord> open_records(const SendingJournal& journal);

// What was named, and perhaps only in memory.
std::vector<SendingRecord> untold_records(const SendingJournal& journal);

}  // namespace lonc::core
