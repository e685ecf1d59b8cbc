// Text tables for a terminal or a file. Knows nothing of what stands in them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::ctl {

// What a text is, told by colour where there is some.
enum class Tone { plain, good, bad, doubtful, strong };

// How something is to look where it is printed.
struct Look {
  bool has_colour = false;
  std::size_t width = 0;  // columns, to which lines are cut; 0: they are as long as they are
};

struct Cell {
  std::string text;
  Tone tone = Tone::plain;
  bool is_number = false;  // set to the right
};

using Row = std::vector<Cell>;

// A number that is to be added up by eye.
Cell number_cell(std::size_t value);

// A line for each row, columns two blanks apart. What has to be cut ends in "...".
std::string render_table(const std::vector<Row>& rows, const Look& look);

// One line of text, cut in the same way.
std::string render_line(std::string_view text, Tone tone, const Look& look);

// Nothing reaches the terminal but what can be seen: any other byte becomes '?'.
std::string printable(std::string_view text);

}  // namespace lonc::ctl
