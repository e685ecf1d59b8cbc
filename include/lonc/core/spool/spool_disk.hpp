// The disk operations of the spool, step by step, so that a test can simulate a power failure between any two of them.
// Makes no decisions; net implements it with files, tests implement it with memory that forgets what was not synced.
#pragma once

#include <lonc/core/base/types.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace lonc::core {

struct SpoolFile {
  enum class State {
    read,        // `content` holds the file, or its first `limit` bytes
    missing,     // there is no such name
    not_a_file,  // a directory, a link, a socket, ...
    unreadable,  // it exists, but will not be readable the next time either
    failed,      // the operation failed, see `error`; it may succeed the next time
  };
  State state = State::failed;
  std::uint64_t inode = 0;  // 0 if it is missing or failed
  Duration age{};           // the distance between its last change and now
  std::string content;
  std::error_code error;
};

// Names are file names in the spool directory. What is not synced may be lost in a power failure, but not if the
// process dies.
class SpoolDisk {
 public:
  virtual ~SpoolDisk() = default;

  // --- the directory of messages
  virtual std::error_code list(const std::function<void(std::string_view name)>& use) = 0;
  virtual SpoolFile read(const std::string& name, std::size_t limit) = 0;
  // When it was last changed, in nanoseconds since 1970; 0 if there is no such name.
  virtual std::error_code changed_at(const std::string& name, std::uint64_t& time) = 0;
  // It is not an error if the name is already gone.
  virtual std::error_code remove(const std::string& name) = 0;
  // Moves it to the quarantine, where it replaces nothing, and writes the reason beside it.
  virtual std::error_code set_aside(const std::string& name, std::string_view reason) = 0;
  // Makes the effects of remove() and set_aside() durable. After an error each of them may have been undone; they must
  // be repeated, and then synced successfully.
  virtual std::error_code sync_directory() = 0;

  // --- the permanent log, to which other programs append too
  // Ensures that this many more lines, with this many bytes of messages in total, can be appended. The space is
  // reserved where the file system supports that; other programs may still use it up.
  virtual std::error_code reserve_log(std::size_t lines, std::size_t bytes) = 0;
  // After an error at most an incomplete line was written, which must not corrupt the next one.
  virtual std::error_code append_log(std::string_view message) = 0;
  // After an error everything appended since the last success counts as lost.
  virtual std::error_code sync_log() = 0;

  // --- the journal of what is being sent: a file of fixed length, written in place
  virtual std::error_code read_journal(std::string& bytes) = 0;  // empty if there is none
  // Writes the whole file in one step. It is durable when this returns, and its disk space is allocated from then on.
  // After errc::no_space_on_device the previous file is unchanged.
  virtual std::error_code replace_journal(std::string_view bytes) = 0;
  // Overwrites a part of the file. After an error some of that part may have been written.
  virtual std::error_code write_journal(std::size_t offset, std::string_view bytes) = 0;
  virtual std::error_code sync_journal() = 0;

  // Changes with each start of the machine: while it stays the same, what a process wrote is complete. Empty if it is
  // not known.
  virtual std::string boot_id() = 0;
};

// How long ago a file was last changed. File times come from the wall clock, which may be set forward or back. A file
// time is therefore trusted only as far back as the wall clock has kept pace with the monotonic clock. Reads no clock
// itself.
class FileAge {
 public:
  using SinceEpoch = std::chrono::nanoseconds;  // of the wall clock

  // Takes the current time of both clocks. Must be called often enough that a slow correction of the wall clock stays
  // below one second between two calls.
  void observe(TimePoint now, SinceEpoch wall) {
    const Duration lead = std::chrono::duration_cast<Duration>(wall) - now.time_since_epoch();
    if (lead_ && distance(lead, *lead_) > least_step) set_at_ = now;
    lead_ = lead;
  }

  // The distance between the last change and now, in either direction, but at most the time since the wall clock was
  // seen to be set. A file that is being written right now therefore counts as young even if the clock was set.
  Duration age(TimePoint now, SinceEpoch wall, SinceEpoch changed) {
    observe(now, wall);
    const auto age = std::chrono::duration_cast<Duration>(distance(wall, changed));
    return set_at_ ? std::min(age, now - *set_at_) : age;
  }

 private:
  // Time synchronization corrects a clock in small steps all the time.
  static constexpr Duration least_step = std::chrono::seconds{1};

  static constexpr Duration distance(Duration a, Duration b) { return a > b ? a - b : b - a; }

  std::optional<Duration> lead_;  // of the wall clock over the monotonic clock, at the last observation
  std::optional<TimePoint> set_at_;  // when the wall clock was seen to be set
};

}  // namespace lonc::core
