// The text of a whole file, for configuration.
#pragma once

#include <string>
#include <system_error>

namespace lonc::app {

// Also of a pipe. Fails with file_too_large above 64 MiB, which no configuration is.
std::error_code read_file(const std::string& path, std::string& text);

}  // namespace lonc::app
