// The text of a whole file, for configuration.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <system_error>

namespace lonc::app {

// How a file of the configuration is read.
using ReadFile = std::function<std::error_code(const std::string& path, std::string& text)>;

// Also of a pipe. Fails with file_too_large above 64 MiB, which no configuration is.
std::error_code read_file(const std::string& path, std::string& text);

// The same of a file that somebody may be writing: waits until it has not changed for a second, by its time of change
// and size. Fails with text_file_busy when it still changes after `patience`; then `text` is what was there.
std::error_code read_file_at_rest(const std::string& path, std::string& text, std::chrono::milliseconds patience);

}  // namespace lonc::app
