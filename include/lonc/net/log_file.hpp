// A file of lines to which others may append as well: appends whole lines and follows the path when the file was
// renamed away. Formats and counts nothing.
#pragma once

#include <lonc/net/unique_fd.hpp>

#include <sys/types.h>

#include <string>
#include <string_view>
#include <system_error>

namespace lonc::net {

class LogFile {
 public:
  explicit LogFile(std::string path) : path_(std::move(path)) {}

  // Opens or reopens the path where that is needed, then appends `line` in one write. After an error nothing or
  // a part of the line is in the file. `line` begins on a line of its own, whatever an error or a killed process left.
  std::error_code append(std::string_view line);

  // What was appended is on the disk when it returns without an error.
  std::error_code sync();

  const std::string& path() const { return path_; }

 private:
  bool is_at_path() const;
  std::error_code open();

  std::string path_;
  UniqueFd fd_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  bool torn_ = false;  // the file ends within a line
};

// Why this path can not be a log: it is a link, unless it leads to /dev/null, or no plain file. Nothing if there is
// none yet.
std::error_code log_fault(const std::string& path);

}  // namespace lonc::net
