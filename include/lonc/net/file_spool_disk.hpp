// core::SpoolDisk on files: lonSockDir/delayed with its quarantine and journal, and lonnet.perm.log. Blocks for as long
// as the disk likes, so it is used on a thread of its own.
#pragma once

#include <lonc/core/spool_disk.hpp>
#include <lonc/net/log_file.hpp>
#include <lonc/net/unique_fd.hpp>

#include <sys/stat.h>

#include <chrono>
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
  std::string name;  // that it had before
  std::string reason;  // empty if it has got lost
  core::Duration age{};
};

// What an administrator is shown of a file is made from this.
struct MessageFile {
  bool is_file = false;  // a regular one
  std::uint64_t inode = 0;
  std::uint64_t size = 0;  // bytes
  core::Duration age{};  // since its last change
  std::string beginning;  // empty if it can not be read
  std::error_code error;  // why it can not
};

class FileSpoolDisk : public core::SpoolDisk {
 public:
  // Touches nothing before open().
  FileSpoolDisk(std::string directory, const std::string& permanent_log);

  // Makes the directory if only its last part is missing, and takes the lock by which only one process works in it;
  // errc::resource_unavailable_try_again while another has it. To be called again when !is_current().
  std::error_code open();
  // Releases the lock.
  void close();
  bool is_open() const { return static_cast<bool>(directory_); }
  // The directory is still the one at the path, which an administrator may have made anew.
  bool is_current() const;
  const std::string& path() const { return path_; }

  std::error_code list(const std::function<void(std::string_view name)>& use) override;
  core::SpoolFile read(const std::string& name, std::size_t limit) override;
  std::error_code changed_at(const std::string& name, std::uint64_t& time) override;
  std::error_code remove(const std::string& name) override;
  std::error_code set_aside(const std::string& name, std::string_view reason) override;
  std::error_code sync_directory() override;
  std::error_code append_log(std::string_view message) override;
  std::error_code sync_log() override { return log_.sync(); }
  std::error_code read_journal(std::string& bytes) override;
  std::error_code replace_journal(std::string_view bytes) override;
  std::error_code write_journal(std::size_t offset, std::string_view bytes) override;
  std::error_code sync_journal() override;
  std::string boot_id() override;

  // --- the quarantine, for administrators
  std::error_code list_quarantine(const std::function<void(const QuarantinedMessage&)>& use);
  // Puts it back under the name that it had; errc::file_exists if there is one of that name. As with the next, durable
  // after sync_directory().
  std::error_code release(const QuarantinedMessage& message);
  std::error_code remove_quarantined(const QuarantinedMessage& message);
  // Reads at most `bytes`. Nothing if there is no such name.
  std::optional<MessageFile> look(const std::string& name, std::size_t bytes);
  std::optional<MessageFile> look_quarantined(const std::string& file, std::size_t bytes);

 private:
  static core::Duration age_of(const struct stat& info);
  std::optional<MessageFile> look_in(int directory, const std::string& name, std::size_t bytes);
  std::error_code open_quarantine();
  void write_reason(const std::string& file, const std::string& name, std::string_view reason);
  QuarantinedMessage quarantined(const std::string& file);
  bool is_too_much(std::size_t bytes) const;
  std::error_code make_journal(std::string_view bytes);
  std::error_code open_journal();

  std::string path_;
  UniqueFd directory_;
  UniqueFd lock_;
  UniqueFd directory_lock_;
  UniqueFd quarantine_;
  UniqueFd journal_;
  LogFile log_;
  bool is_quarantine_unsynced_ = false;
};

}  // namespace lonc::net
