// What Spool has to tell: its trouble, and messages that may arrive twice. Value types, used on their owner's thread.
#pragma once

#include <lonc/core/base/types.hpp>
#include <lonc/core/spool/spool_journal.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace lonc::core {

// What keeps delayed messages from being sent: what failed last and has not succeeded since.
class SpoolTrouble {
 public:
  enum class Place {
    spool,          // the directory of delayed messages
    permanent_log,  // lonnet.perm.log
  };
  struct LogLine {
    Severity severity = Severity::info;
    std::string text;
  };

  // Records what failed, if `error` is set. Returns `error`.
  std::error_code note(std::error_code error, Place place, std::string_view what);
  // Everything works again.
  void clear();

  // In words; empty if all is well.
  const std::string& text() const { return text_; }
  // What an administrator can do about it; empty if all is well.
  std::string remedy() const;

  // The lines for the log since the last call.
  std::vector<LogLine> take_log_lines() { return std::exchange(log_lines_, {}); }

 private:
  Place place_ = Place::spool;
  std::error_code error_;
  std::string text_;
  std::string last_text_;
  std::size_t repeats_ = 0;  // how often the latest problem has been reported in a row
  std::vector<LogLine> log_lines_;
};

// `host_id` is empty for messages that concern no single host. The message contains nothing of a delayed message's
// content.
using SpoolLog = std::function<void(Severity, std::string_view host_id, std::string_view message)>;

// How many lines the log has been given so far, and how many of them it has finished with. If both are empty, a line
// has been written when SpoolLog returns.
struct SpoolLogProgress {
  std::function<std::uint64_t()> given;
  std::function<std::uint64_t()> done;
};

// Delayed messages that may have reached their peer twice. Each is reported in lonc.log, and is kept in the journal
// until the log is known to have finished with that line: if the process is killed earlier, the next process finds the
// name there.
class PossibleDuplicates {
 public:
  PossibleDuplicates(SpoolLog log, SpoolLogProgress progress) : log_(std::move(log)), progress_(std::move(progress)) {}

  // Reports it in the log, unless this process has already done so. Returns the record that the journal must contain
  // until the report has been written; nothing if none is needed.
  std::optional<SendingRecord> report(SendingRecord record, std::string_view why);
  // The reports that have been written since the last call, as records for the journal.
  std::vector<SendingRecord> take_written();
  // The records that the journal must still contain.
  std::vector<SendingRecord> unwritten() const;
  bool has_unwritten() const { return !unwritten_.empty(); }

  // Since the start: how many, and the latest names.
  std::size_t count() const { return count_; }
  const std::vector<std::string>& names() const { return names_; }

 private:
  struct Unwritten {
    SendingRecord record;
    std::uint64_t line = 0;  // of the log
  };

  SpoolLog log_;
  SpoolLogProgress progress_;
  std::map<std::string, Unwritten, std::less<>> unwritten_;
  std::vector<std::string> names_;
  std::size_t count_ = 0;
};

}  // namespace lonc::core
