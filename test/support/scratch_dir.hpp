// A directory for one test, in which files and directories are created as needed.
#pragma once

#include "support/temp_dir.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace lonc::test {

class ScratchDir : public TempDir {
 public:
  std::string write(std::string_view name, std::string_view text) const {
    const auto file = *this / name;
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    write_file(file, text);
    return file;
  }

  std::string make_directory(std::string_view name) const {
    std::filesystem::create_directories(*this / name);
    return *this / name;
  }
};

}  // namespace lonc::test
