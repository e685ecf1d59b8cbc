// Values of settings from text and back. Knows no setting's name and no range.
#pragma once

#include <lonc/core/types.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lonc::app {

// "0.5", "500ms", "30s", "5m", "1h": seconds if no unit is given. Rounded to milliseconds.
std::optional<core::Duration> parse_duration(std::string_view text);
std::string format_duration(core::Duration duration);

// Digits alone.
std::optional<std::uint64_t> parse_count(std::string_view text, int base = 10);

// Bytes, or with `k` or `M` 1024 or 1024 * 1024 times as many.
std::optional<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t bytes);

std::string format_octal(unsigned value);

// No control bytes.
bool is_printable(std::string_view text);

// An absolute path without needless slashes at the end.
std::optional<std::string> parse_path(std::string_view text);

}  // namespace lonc::app
