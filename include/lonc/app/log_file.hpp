// The file behind the log: appends whole lines and follows the path when the file was renamed away. Does not
// format and does not count; log.cpp does.
#pragma once

#include <lonc/net/unique_fd.hpp>

#include <sys/types.h>

#include <string>
#include <string_view>
#include <system_error>

namespace lonc::app {

class LogFile {
 public:
  explicit LogFile(std::string path) : path_(std::move(path)) {}

  // Opens or reopens the path where that is needed, then appends `line` in one write. After an error nothing or
  // a part of the line is in the file; the next line then begins on a line of its own.
  std::error_code append(std::string_view line);

  const std::string& path() const { return path_; }

 private:
  bool is_at_path() const;
  std::error_code open();

  std::string path_;
  net::UniqueFd fd_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  bool torn_ = false;  // the last line was written in part
};

}  // namespace lonc::app
