// core::SpoolDisk on files: lonSockDir/delayed with its quarantine and journal, and lonnet.perm.log. Blocks for as long
// as the disk takes, so it is used on a thread of its own.
#pragma once

#include <lonc/core/spool/spool_disk.hpp>
#include <lonc/os/log_file.hpp>
#include <lonc/os/unique_fd.hpp>

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace lonc::net {

struct QuarantinedMessage {
  std::string file;  // its name in the quarantine
  std::string name;  // its name before that
  std::string reason;  // empty if it was lost
  core::Duration age{};
};

// The data from which a file is shown to an administrator.
struct MessageFile {
  bool is_file = false;  // a regular file
  std::uint64_t inode = 0;
  std::uint64_t size = 0;  // bytes
  core::Duration age{};  // since its last change
  std::string beginning;  // empty if it cannot be read
  std::error_code error;  // why it cannot
};

class FileSpoolDisk : public core::SpoolDisk {
 public:
  // Touches nothing before open().
  FileSpoolDisk(std::string directory, const std::string& permanent_log)
      : path_(std::move(directory)), log_(permanent_log) {}

  // Creates the directory if only its last part is missing, and takes the lock that lets only one process work in it;
  // returns errc::resource_unavailable_try_again while another process holds it. Call it again when !is_current().
  std::error_code open();
  // Releases the lock.
  void close();
  bool is_open() const { return static_cast<bool>(directory_); }
  // True if the directory is still the one at the path; an administrator may have created it again.
  bool is_current();
  const std::string& path() const { return path_; }

  std::error_code list(const std::function<void(std::string_view name)>& use) override;
  core::SpoolFile read(const std::string& name, std::size_t limit) override;
  std::error_code changed_at(const std::string& name, std::uint64_t& time) override;
  std::error_code remove(const std::string& name) override;
  std::error_code set_aside(const std::string& name, std::string_view reason) override;
  std::error_code sync_directory() override;
  std::error_code reserve_log(std::size_t lines, std::size_t bytes) override {
    constexpr std::size_t around_a_message = 64;  // the times at both ends of its line, and the separators
    return log_.reserve(bytes + lines * around_a_message);
  }
  std::error_code append_log(std::string_view message) override;
  std::error_code sync_log() override { return log_.sync(); }
  std::error_code read_journal(std::string& bytes) override;
  std::error_code replace_journal(std::string_view bytes) override;
  std::error_code write_journal(std::size_t offset, std::string_view bytes) override;
  std::error_code sync_journal() override;
  std::string boot_id() override;

  // --- the quarantine, for administrators
  std::error_code list_quarantine(const std::function<void(const QuarantinedMessage&)>& use);
  // Moves it back to its former name; errc::file_exists if that name is taken. Like remove_quarantined(), durable after
  // sync_directory().
  std::error_code release(const QuarantinedMessage& message);
  std::error_code remove_quarantined(const QuarantinedMessage& message);
  // Reads at most `bytes`. No value if there is no such name.
  std::optional<MessageFile> look(const std::string& name, std::size_t bytes) {
    return look_in(directory_.get(), name, bytes);
  }
  std::optional<MessageFile> look_quarantined(const std::string& file, std::size_t bytes);

 private:
  std::optional<MessageFile> look_in(int directory, const std::string& name, std::size_t bytes);
  std::error_code sync_messages();
  std::error_code open_quarantine();
  void write_reason(const std::string& file, const std::string& name, std::string_view reason);
  QuarantinedMessage quarantined(const std::string& file);
  bool is_too_much(std::size_t bytes) const;
  std::error_code make_journal(std::string_view bytes);

  std::string path_;
  os::UniqueFd directory_;
  os::UniqueFd lock_;
  os::UniqueFd directory_lock_;
  os::UniqueFd quarantine_;
  os::UniqueFd journal_;
  os::LogFile log_;
  core::FileAge file_age_;
  bool is_quarantine_unsynced_ = false;
  bool is_release_unsynced_ = false;
};

}  // namespace lonc::net
