// The disk under the spool, step by step, so that a test can take the power away between any two of them. Decides
// nothing; net implements it with files, tests with memory that forgets what was not synced.
#pragma once

#include <lonc/core/types.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>

namespace lonc::core {

struct SpoolFile {
  enum class State {
    read,        // `content` holds it, or its first `limit` bytes
    missing,     // there is no such name
    not_a_file,  // a directory, a link, a socket, ...
    unreadable,  // it is there, and will not be readable the next time either
    failed,      // the disk did not do it, see `error`; it may the next time
  };
  State state = State::failed;
  std::uint64_t inode = 0;  // 0 if it is missing or failed
  Duration age{};           // how far its last change lies from now
  std::string content;
  std::error_code error;
};

// Names are file names in the spool directory. What is not synced may be lost with the power, not with the process.
class SpoolDisk {
 public:
  virtual ~SpoolDisk() = default;

  // --- the directory of messages
  virtual std::error_code list(const std::function<void(std::string_view name)>& use) = 0;
  virtual SpoolFile read(const std::string& name, std::size_t limit) = 0;
  // When it was last changed, in nanoseconds since 1970; 0 if there is no such name.
  virtual std::error_code changed_at(const std::string& name, std::uint64_t& time) = 0;
  // A name that is gone already is no error.
  virtual std::error_code remove(const std::string& name) = 0;
  // Moves it to the quarantine, where nothing is replaced, with the reason beside it.
  virtual std::error_code set_aside(const std::string& name, std::string_view reason) = 0;
  // Makes durable what remove() and set_aside() did. After an error each of them may have been undone; when they have
  // been done again, the next success counts.
  virtual std::error_code sync_directory() = 0;

  // --- the permanent log, to which other programs append as well
  // After an error at most a part without a line end was written, which must not spoil the next one.
  virtual std::error_code append_log(std::string_view message) = 0;
  // After an error what was appended since the last success counts as lost.
  virtual std::error_code sync_log() = 0;

  // --- the journal of what is being sent: a file of a fixed length, written in place
  virtual std::error_code read_journal(std::string& bytes) = 0;  // empty if there is none
  // The whole of it in one step, durable when it returns; its room on the disk is its own from then on. After
  // errc::no_space_on_device the one before is as it was.
  virtual std::error_code replace_journal(std::string_view bytes) = 0;
  // Overwrites a part of it. After an error a part of that may have been written.
  virtual std::error_code write_journal(std::size_t offset, std::string_view bytes) = 0;
  virtual std::error_code sync_journal() = 0;

  // Another one after each start of the machine: what a process wrote is complete while it stays the same. Empty
  // if it is not known.
  virtual std::string boot_id() = 0;
};

}  // namespace lonc::core
