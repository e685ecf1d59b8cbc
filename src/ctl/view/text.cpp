#include "text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>

namespace lonc::ctl {

namespace {

std::string coloured(const std::string& text, Tone tone, const TextStyle& style) {
  if (!style.has_colour || text.empty() || tone == Tone::plain) return text;
  return fmt::format("\x1b[{}m{}\x1b[0m", static_cast<int>(tone), text);
}

// `used`: columns of the line that are already occupied.
std::string cut(std::string text, std::size_t used, const TextStyle& style) {
  constexpr std::string_view mark = "...";
  if (style.width == 0 || used + text.size() <= style.width) return text;
  const std::size_t room = style.width > used ? style.width - used : 0;
  text.resize(room);
  if (room >= mark.size()) text.replace(room - mark.size(), mark.size(), mark);
  return text;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(out, [](char byte) { return byte < ' ' || byte > '~'; }, '?');
  return out;
}

std::string age_text(std::chrono::duration<double> age) {
  const auto whole = age.count() > 0 ? static_cast<std::int64_t>(age.count()) : 0;
  if (whole < 120) return std::to_string(whole) + "s";
  if (whole < 7200) return std::to_string(whole / 60) + "m";
  if (whole < 172'800) return std::to_string(whole / 3600) + "h";
  return std::to_string(whole / 86'400) + "d";
}

std::string json_text(const nlohmann::json& value, int indent) {
  return value.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Cell number_cell(std::size_t value) { return {.text = std::to_string(value), .tone = Tone::plain, .is_number = true}; }

std::string render_table(const std::vector<Row>& rows, const TextStyle& style) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i != row.size(); ++i) widths[i] = std::max(widths[i], row[i].text.size());
  }
  std::string out;
  for (const Row& row : rows) {
    std::size_t last = row.size();
    while (last > 0 && row[last - 1].text.empty()) --last;
    std::size_t used = 0;
    for (std::size_t i = 0; i != last; ++i) {
      const std::string blanks(widths[i] - row[i].text.size(), ' ');
      std::string text = row[i].is_number ? blanks + row[i].text : row[i].text;
      if (!row[i].is_number && i + 1 != last) text += blanks;
      const std::string gap = cut(i == 0 ? "" : "  ", used, style);
      text = cut(std::move(text), used + gap.size(), style);
      used += gap.size() + text.size();
      out += gap;
      out += coloured(text, row[i].tone, style);
    }
    out += '\n';
  }
  return out;
}

std::string render_line(std::string_view text, Tone tone, const TextStyle& style) {
  return coloured(cut(std::string(text), 0, style), tone, style) + '\n';
}

}  // namespace lonc::ctl
