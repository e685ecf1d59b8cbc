// delayed/.sending: which messages were handed out to be sent, and their outcome (docs/spool-format.md). The format of
// the file, and SpoolJournal, which writes it; Spool decides what is written when.
#pragma once

#include <lonc/core/spool/spool_disk.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace lonc::core {

struct SendingRecord {
  enum class Kind : char {
    planned = 'P',  // handed out in this order; sent one after the other
    unclear = 'U',  // sent, outcome unknown; it is sent again
    answered = 'A',  // its S: line has been written to the permanent log
    failed = 'F',  // its new number of failed attempts
    returned = 'R',  // not sent after all, or quarantined
    named = 'N',  // reported as a possible duplicate; the report may exist only in memory
    name_written = 'T',  // that report has been written
    logged = 'L',  // of an earlier version: its S: line is durable, only its file remains to be deleted
  };
  Kind kind = Kind::planned;
  std::uint64_t inode = 0;
  std::string host_id;
  std::string name;
  unsigned attempts = 0;  // failed attempts that count against the message
  bool was_unclear = false;  // set by open_records(): planned again after it was unclear
};

// One of the two halves of the file: the records that were open when it was begun, and those appended since. A higher
// generation supersedes a lower one. Ids and names contain no control bytes.
class JournalHalf {
 public:
  // `boot_id` is empty if a later process must not trust what was written before.
  JournalHalf(std::string_view boot_id, std::uint64_t generation, const std::vector<SendingRecord>& open);

  // Its beginning, to be written in one step.
  const std::string& text() const { return text_; }
  // A line to be appended, including its line end.
  std::string line(const SendingRecord& record) const;

 private:
  std::string seal_;  // of the header: lines left over from an earlier generation do not match it
  std::string text_;
};

struct ParsedJournal {
  std::string boot_id;  // empty if there is no header
  std::uint64_t generation = 0;  // the highest of which there is a trace
  std::size_t half = 0;  // the one that is valid
  std::vector<SendingRecord> records;
};

// Parses the valid half. Skips everything that is not a complete record: a write may be cut off at any point.
ParsedJournal parse_journal(std::string_view bytes);

// The messages that are still open at the end of the journal: the last record of each, in the order in which they were
// handed out, without those that were returned.
std::vector<SendingRecord> open_records(const ParsedJournal& journal);

// The messages that were reported as possible duplicates, where the report may exist only in memory.
std::vector<SendingRecord> unwritten_names(const ParsedJournal& journal);

// The file while it is being written: of fixed length, with two halves that are begun alternately, so that a full disk
// can still be emptied. Lives on the spool's thread.
class SpoolJournal {
 public:
  // `disk` must outlive it.
  explicit SpoolJournal(SpoolDisk& disk) : disk_(disk) {}

  // Reads what the previous process left. begin() must follow.
  std::error_code read(ParsedJournal& left);
  // Rewrites the half that read() found, and syncs it: a failed sync may have left it only in memory, and the other
  // half is overwritten next.
  std::error_code rewrite_read();

  // Begins the next half with the open records; durable when this returns. errc::no_space_on_device if the disk has no
  // room for it; the journal is then unchanged. After any other error no half is begun. `boot_id` is empty if a later
  // process must not trust what was written before.
  std::error_code begin(std::string_view boot_id, const std::vector<SendingRecord>& open);
  // Appends, not durably. Nothing if no half is begun or the current one has no room for the records; begin() must then
  // write them. After an error no half is begun.
  std::optional<std::error_code> append(const std::vector<SendingRecord>& records);
  // After an error no half is begun.
  std::error_code sync();
  // The next records begin another half.
  void end_half() { half_.reset(); }

  bool is_begun() const { return half_.has_value(); }
  // True if the current half contains no record.
  bool is_empty() const { return is_begun() && used_ == header_; }
  std::size_t half_size() const { return half_size_; }  // bytes; 0: there is no file
  // Bytes of a half that begins with the open records, and bytes of one record.
  std::size_t size_of(std::string_view boot_id, const std::vector<SendingRecord>& open) const;
  static std::size_t size_of(const SendingRecord& record);

 private:
  std::error_code put(const std::string& text);

  SpoolDisk& disk_;
  std::optional<JournalHalf> half_;  // the current one; none if the next record must begin another
  std::string read_half_;  // as read() found it
  std::uint64_t generation_ = 0;
  std::size_t place_ = 0;  // of the current half: 0 or 1
  std::size_t half_size_ = 0;  // bytes
  std::size_t header_ = 0;  // bytes of the current half if it was begun without records, otherwise 0
  std::size_t used_ = 0;  // bytes of the current half
};

}  // namespace lonc::core
