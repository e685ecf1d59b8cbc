// Text for a terminal or a file: sanitizes outside text, formats times for people, and makes tables, independent of
// their content.
#pragma once

#include <lonc/os/wall_time.hpp>

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::ctl {

using os::WallTime;

// Every byte that is not printable ASCII becomes '?'.
std::string printable(std::string_view text);

// "90s", "3m", "5h", "12d"; a time in the future gives "0s".
std::string age_text(std::chrono::duration<double> age);

// With a line end. Names of files may contain any bytes: those that are not UTF-8 are replaced.
std::string json_text(const nlohmann::json& value, int indent = 2);

// The meaning of a text, shown by colour if colours are used: the value is the terminal's code for it.
enum class Tone { plain = 0, strong = 1, bad = 31, good = 32, doubtful = 33 };

// The formatting for the place where a text is printed.
struct TextStyle {
  bool has_colour = false;
  std::size_t width = 0;  // columns, to which lines are cut; 0: lines are not cut
};

struct Cell {
  std::string text;
  Tone tone = Tone::plain;
  bool is_number = false;  // aligned to the right
};

using Row = std::vector<Cell>;

// A number aligned to the right, so that a column of them can be added up by eye.
Cell number_cell(std::size_t value);

// One line for each row, with two spaces between columns. Text that is cut ends in "...".
std::string render_table(const std::vector<Row>& rows, const TextStyle& style);

// A single line of text, cut in the same way.
std::string render_line(std::string_view text, Tone tone, const TextStyle& style);

}  // namespace lonc::ctl
