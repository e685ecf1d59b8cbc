// A file of lines to which others may append as well: appends whole lines and follows the path if the file has been
// renamed. Formats and counts nothing.
#pragma once

#include <lonc/os/files.hpp>
#include <lonc/os/unique_fd.hpp>

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

namespace lonc::os {

class LogFile {
 public:
  explicit LogFile(std::string path) : path_(std::move(path)) {}

  // Opens or reopens the path if necessary, then appends `line` in one write. After an error, none or a part of the
  // line is in the file. `line` starts on a new line, whatever an error or a killed process left behind.
  std::error_code append(std::string_view line);

  // Checks that this many more bytes can be appended, given the disk's free space and the limit on file sizes. Reserves
  // the space beyond the end of the file if the file system can do that; otherwise only checks the free space.
  std::error_code reserve(std::size_t bytes);

  // Everything appended is on the disk when this returns without an error, also under its name.
  std::error_code sync();

  const std::string& path() const { return path_; }

 private:
  bool is_at_path() const;
  std::error_code open();
  std::error_code sync_name() const;

  std::string path_;
  UniqueFd fd_;
  FileId id_;
  bool torn_ = false;  // the file ends in the middle of a line
  bool has_unsynced_ = false;
  bool is_name_synced_ = false;
  std::error_code lost_;  // why what was appended to a file that has been renamed since may not be on the disk
};

// Why this path cannot be a log: it is a link that does not lead to a device such as /dev/null, or not a plain file. No
// error if nothing is there yet.
std::error_code log_fault(const std::string& path);

}  // namespace lonc::os
