// Fills the settings into lonc.conf(5): copies a man page in mdoc and puts the table where the page has the
// comment line `.\" SETTINGS`. Run by the build.
#include <lonc/app/read_file.hpp>
#include <lonc/app/setting_table.hpp>
#include <lonc/core/config_lines.hpp>

#include <fstream>
#include <iostream>
#include <string>
#include <string_view>

namespace {

constexpr std::string_view marker = R"(.\" SETTINGS)";

// Safe as text between macros: no backslash is an escape, no line begins with a control character.
std::string as_text(std::string_view text) {
  std::string safe;
  if (text.starts_with('.') || text.starts_with('\'')) safe = R"(\&)";
  for (const char c : text) {
    if (c == '\\') {
      safe += R"(\e)";
    } else {
      safe += c;
    }
  }
  return safe;
}

// As as_text(), but each sentence in a line of its own, so that roff sets the right space behind it.
std::string as_sentences(std::string_view text) {
  std::string lines;
  while (true) {
    const auto end = text.find(". ");
    if (end == std::string_view::npos) return lines + as_text(text) + '\n';
    lines += as_text(text.substr(0, end + 1)) + '\n';
    text.remove_prefix(end + 2);
  }
}

void write_setting(std::ostream& out, const lonc::app::Setting& setting) {
  out << ".It Cm " << setting.name;
  if (!setting.alias.empty()) out << " Pq Cm " << setting.alias;
  out << '\n' << as_sentences(setting.help);
  out << "Takes " << as_text(setting.accepts) << ".\n";
  out << "Default: " << (setting.default_text.empty() ? "none" : as_text(setting.default_text)) << ".\n";
  if (setting.per_peer) out << "Can be set for one peer.\n";
  if (!setting.reloadable) out << "A change needs a restart.\n";
}

void write_settings(std::ostream& out) {
  std::string_view group;
  for (const auto& setting : lonc::app::setting_table()) {
    if (setting.group != group) {
      if (!group.empty()) out << ".El\n";
      group = setting.group;
      out << ".Ss " << group << "\n.Bl -tag -width Ds\n";
    }
    write_setting(out, setting);
  }
  out << ".El\n";
}

int fill(const std::string& from, const std::string& to) {
  std::string page;
  if (const auto error = lonc::app::read_file(from, page)) {
    std::cerr << from << ": " << error.message() << '\n';
    return 1;
  }
  std::ofstream out(to, std::ios::trunc);
  bool is_filled = false;
  lonc::core::for_each_line(page, [&](std::string_view line, std::size_t) {
    if (line == marker) {
      write_settings(out);
      is_filled = true;
    } else {
      out << line << '\n';
    }
  });
  out.close();
  if (is_filled && out) return 0;
  std::cerr << to << ": " << (is_filled ? "can not be written" : "the page has no line for the settings") << '\n';
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "Usage: lonc_settings_man PAGE.in PAGE\n";
    return 2;
  }
  return fill(argv[1], argv[2]);
}
