#include "table.hpp"

#include <algorithm>

namespace lonc::ctl {

namespace {

std::string_view colour_of(Tone tone) {
  switch (tone) {
    case Tone::good:
      return "\x1b[32m";
    case Tone::bad:
      return "\x1b[31m";
    case Tone::doubtful:
      return "\x1b[33m";
    case Tone::strong:
      return "\x1b[1m";
    case Tone::plain:
      return {};
  }
  return {};
}

void append_coloured(std::string& out, std::string_view text, Tone tone, const Look& look) {
  const std::string_view colour = look.has_colour && !text.empty() ? colour_of(tone) : std::string_view{};
  out += colour;
  out += text;
  if (!colour.empty()) out += "\x1b[0m";
}

// `used` columns of the line are taken already.
std::string cut(std::string text, std::size_t used, const Look& look) {
  constexpr std::string_view mark = "...";
  if (look.width == 0 || used + text.size() <= look.width) return text;
  const std::size_t room = look.width > used ? look.width - used : 0;
  text.resize(room);
  if (room >= mark.size()) text.replace(room - mark.size(), mark.size(), mark);
  return text;
}

std::vector<std::size_t> widths_of(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i != row.size(); ++i) widths[i] = std::max(widths[i], row[i].text.size());
  }
  return widths;
}

}  // namespace

Cell number_cell(std::size_t value) { return {.text = std::to_string(value), .tone = Tone::plain, .is_number = true}; }

std::string render_table(const std::vector<Row>& rows, const Look& look) {
  const std::vector<std::size_t> widths = widths_of(rows);
  std::string out;
  for (const Row& row : rows) {
    std::size_t last = row.size();
    while (last > 0 && row[last - 1].text.empty()) --last;
    std::size_t used = 0;
    for (std::size_t i = 0; i != last; ++i) {
      const std::string blanks(widths[i] - row[i].text.size(), ' ');
      std::string text = row[i].is_number ? blanks + row[i].text : row[i].text;
      if (!row[i].is_number && i + 1 != last) text += blanks;
      const std::string gap = cut(i == 0 ? "" : "  ", used, look);
      text = cut(std::move(text), used + gap.size(), look);
      used += gap.size() + text.size();
      out += gap;
      append_coloured(out, text, row[i].tone, look);
    }
    out += '\n';
  }
  return out;
}

std::string render_line(std::string_view text, Tone tone, const Look& look) {
  std::string out;
  append_coloured(out, cut(std::string(text), 0, look), tone, look);
  return out += '\n';
}

std::string printable(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(out, [](char byte) { return byte < ' ' || byte > '~'; }, '?');
  return out;
}

}  // namespace lonc::ctl
