// Writes lon-status/loncstatus.txt and loncstatus.json. A reader never sees a part of a file. What stands in them: status_render.hpp.
#pragma once

#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace lonc::app {

struct FileError {
  std::error_code error;  // none: all is written
  std::string file;  // where it happened
};

struct WholeFile {
  std::string name;
  std::string_view text;
};

// Writes the files into `directory`, which is created if only its last part is missing. All are written beside
// their names and synced before the first is renamed; on failure nothing is left behind. May block on the disk.
FileError write_whole_files(const std::string& directory, const std::vector<WholeFile>& files);

// Both status files, into doc_root/lon-status.
FileError write_status_files(const std::string& doc_root, std::string_view text, std::string_view json);

}  // namespace lonc::app
