#include <lonc/app/command_line.hpp>

#include <lonc/app/setting_table.hpp>
#include <lonc/app/settings_options.hpp>

#include <boost/program_options/options_description.hpp>

#include <sstream>
#include <string_view>

namespace lonc::app {

namespace {

namespace po = boost::program_options;

constexpr std::size_t line_width = 78;

po::options_description options() {
  po::options_description description("Options", line_width);
  add_settings_options(description);
  auto add = description.add_options();
  add("check", "print the settings, where they come from and every problem, and do not start");
  add("daemonize", "go to the background once the sockets listen");
  add("version", "print the version");
  add("help,h", "print this text");
  return description;
}

void check_usage(const ParsedOptions& options, const CommandLine& command_line) {
  if (!options.words.empty())
    throw UsageError("there is an argument that belongs to no option; a setting is given as --set NAME=VALUE");
  if (command_line.check && command_line.daemonize) {
    throw UsageError("--check starts nothing that --daemonize could send to the background; leave one out");
  }
}

// Words of `text` in lines, each behind `indent` blanks.
void wrap(std::ostream& out, std::string_view text, std::size_t indent) {
  std::istringstream words{std::string(text)};
  std::size_t column = 0;
  for (std::string word; words >> word; column += word.size() + 1) {
    if (column == 0 || column + word.size() > line_width) {
      if (column != 0) out << '\n';
      out << std::string(indent, ' ');
      column = indent;
    } else {
      out << ' ';
    }
    out << word;
  }
  out << '\n';
}

void explain(std::ostream& out, const Setting& setting) {
  out << "  " << setting.name;
  if (!setting.alias.empty()) out << " (" << setting.alias << ')';
  out << '\n';
  wrap(out, setting.help, 6);
  wrap(out,
       "Takes " + setting.accepts + ". Default: " + (setting.default_text.empty() ? "none" : setting.default_text) +
           '.' + (setting.reloadable ? "" : " A change needs a restart.") +
           (setting.per_peer ? " Can be set for one peer." : ""),
       6);
}

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& arguments) {
  const ParsedOptions parsed = parse_options(arguments, options(), "lonc");
  const auto& values = parsed.values;
  CommandLine command_line;
  take_settings_options(values, command_line);
  command_line.check = values.count("check") != 0;
  command_line.daemonize = values.count("daemonize") != 0;
  command_line.version = values.count("version") != 0;
  command_line.help = values.count("help") != 0;
  check_usage(parsed, command_line);
  return command_line;
}

std::string help_text() {
  std::ostringstream out;
  out << "Usage: lonc [OPTION]...\n"
         "Keeps this server's connections to its LON-CAPA peers.\n\n"
      << options()
      << "\nSettings: NAME = VALUE lines in lonc.conf, or --set NAME=VALUE. The names in\n"
         "brackets are those of PerlSetVar lines and may be used everywhere.\n"
         "A duration is a number with ms, s, m or h, in seconds if there is no unit;\n"
         "a number of bytes may end in k or M. For one peer alone, if that is said below:\n"
         "under a line [peer ID], or --set 'peer ID: NAME=VALUE'.\n";
  std::string_view group;
  for (const auto& setting : setting_table()) {
    if (setting.group != group) {
      group = setting.group;
      out << '\n' << group << ":\n";
    }
    explain(out, setting);
  }
  return out.str();
}

}  // namespace lonc::app
