// Fills in the parts of a file that come from a table: the settings of lonc.conf and lonc.conf(5), and the commands of
// loncctl(1) and its bash completion. Each takes the place of a comment line of the template. Run by the build.
#include "ctl/command_table.hpp"

#include <lonc/node/config/settings.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace lonc;

// Makes `text` safe between macros: no backslash is an escape, and no line begins with a control character.
std::string as_text(std::string_view text) {
  std::string safe = text.starts_with('.') || text.starts_with('\'') ? R"(\&)" : "";
  for (const char c : text) safe += c == '\\' ? R"(\e)" : std::string(1, c);
  return safe;
}

// As as_text(), but with each sentence on a line of its own, so that roff puts the right space after it.
std::string as_sentences(std::string_view text) {
  std::string lines;
  while (true) {
    const auto end = text.find(". ");
    if (end == std::string_view::npos) return lines + as_text(text) + '\n';
    lines += as_text(text.substr(0, end + 1)) + '\n';
    text.remove_prefix(end + 2);
  }
}

std::string settings_mdoc() {
  std::string page;
  std::string_view group;
  for (const node::Setting& setting : node::setting_table()) {
    if (setting.group != group) {
      page += fmt::format("{}.Ss {}\n.Bl -tag -width Ds\n", group.empty() ? "" : ".El\n", setting.group);
      group = setting.group;
    }
    page += ".It Cm " + setting.name;
    if (!setting.alias.empty()) page += " Pq Cm " + setting.alias;
    page += '\n' + as_sentences(setting.help);
    page += "Takes " + as_text(setting.accepts) + ".\n";
    page += "Default: " + (setting.default_text.empty() ? "none" : as_text(setting.default_text)) + ".\n";
    if (setting.per_peer) page += "Can be set for one peer.\n";
    if (!setting.reloadable) page += "A change needs a restart.\n";
  }
  return page + ".El\n";
}

// `text` as comment lines of at most 100 bytes.
std::string as_comment(std::string_view text) {
  constexpr std::size_t width = 98;
  std::string lines;
  while (!text.empty()) {
    auto end = text.size() <= width ? text.size() : text.rfind(' ', width);
    if (end == std::string_view::npos) end = std::min(text.find(' '), text.size());
    lines += fmt::format("# {}\n", text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string settings_conf() {
  std::string conf;
  std::string_view group;
  for (const node::Setting& setting : node::setting_table()) {
    if (setting.group != group) conf += fmt::format("\n# --- {}\n", group = setting.group);
    std::string text = setting.alias.empty() ? setting.help : "(" + setting.alias + ") " + setting.help;
    text += " Takes " + setting.accepts + ".";
    if (setting.per_peer) text += " Can be set for one peer.";
    if (!setting.reloadable) text += " A change needs a restart.";
    conf += '\n' + as_comment(text);
    conf += fmt::format("#{} ={}{}\n", setting.name, setting.default_text.empty() ? "" : " ", setting.default_text);
  }
  return conf;
}

std::string synopsis() {
  std::string text;
  for (const ctl::Command& command : ctl::command_table()) {
    for (const ctl::Form& form : command.forms) text += ".Nm\n" + ctl::synopsis_mdoc(form);
  }
  return text;
}

std::string options() {
  std::string text;
  std::string_view before;
  for (const ctl::SharedOption& shared : ctl::all_options()) {
    if (shared.option.name != before) {
      text += fmt::format(".It Fl Fl {}", shared.option.name);
      if (!shared.option.value.empty()) text += fmt::format(" Ar {}", shared.option.value);
      text += "\n";
    } else {
      text += ".br\n";
    }
    before = shared.option.name;
    for (std::size_t i = 0; i != shared.commands.size(); ++i)
      text += fmt::format(".Ic {} {}\n", shared.commands[i], i + 1 == shared.commands.size() ? ":" : ",");
    text += fmt::format("{}\n", shared.option.help);
  }
  return text;
}

std::string completion() {
  std::vector<std::string_view> names;
  std::vector<std::string> with_value;
  for (const ctl::Command& command : ctl::command_table()) names.push_back(command.name);
  for (const ctl::SharedOption& shared : ctl::all_options()) {
    const std::string option = fmt::format("--{}", shared.option.name);
    if (!shared.option.value.empty() && std::ranges::find(with_value, option) == with_value.end())
      with_value.push_back(option);
  }
  std::string text = fmt::format("_loncctl_commands=\"{}\"\n", fmt::join(names, " "));
  text += fmt::format("_loncctl_with_value=\" {} \"\n\n", fmt::join(with_value, " "));
  text += "# The options of a command, without the general ones.\n_loncctl_options()\n{\n    case $1 in\n";
  for (const ctl::Command& command : ctl::command_table()) {
    std::vector<std::string> options;
    for (const ctl::Option& option : command.options) options.push_back(fmt::format("--{}", option.name));
    if (options.empty()) continue;
    text += fmt::format("        {}) echo \"{}\" ;;\n", command.name, fmt::join(options, " "));
  }
  text += "    esac\n}\n\n";
  text +=
      "# What may follow a command: COMMAND:POSITION, counted from 1. HOST means the ids of all hosts.\n"
      "_loncctl_words()\n{\n    case $1:$2 in\n";
  for (const ctl::Command& command : ctl::command_table()) {
    const std::vector<ctl::Place> places = ctl::places_of(command);
    for (std::size_t i = 0; i != places.size(); ++i) {
      if (places[i].words.empty()) continue;
      text += fmt::format("        {}:{}) echo \"{}\" ;;\n", command.name,
                          places[i].is_repeated ? "*" : std::to_string(i + 1), fmt::join(places[i].words, " "));
    }
  }
  return text + "    esac\n}\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "Usage: lonc_table_text TEMPLATE FILE\n";
    return 2;
  }
  const std::map<std::string, std::string (*)()> markers{{"# SETTINGS", settings_conf},
                                                         {R"(.\" SETTINGS)", settings_mdoc},
                                                         {R"(.\" SYNOPSIS)", synopsis},
                                                         {R"(.\" OPTIONS)", options},
                                                         {"# COMMANDS", completion}};
  std::ifstream in(argv[1]);
  std::ofstream out(argv[2], std::ios::trunc);
  bool is_filled = false;
  for (std::string line; std::getline(in, line);) {
    const auto marker = markers.find(line);
    if (marker != markers.end()) is_filled = true;
    out << (marker == markers.end() ? line + "\n" : marker->second());
  }
  out.close();
  if (!in.eof()) {
    std::cerr << argv[1] << ": cannot be read\n";
  } else if (!is_filled) {
    std::cerr << argv[1] << ": the template has no line to be replaced\n";
  } else if (!out) {
    std::cerr << argv[2] << ": cannot be written\n";
  } else {
    return 0;
  }
  return 1;
}
