#include <lonc/app/command_line.hpp>

#include <lonc/app/setting_table.hpp>
#include <lonc/app/settings_loader.hpp>

#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/variables_map.hpp>

#include <sstream>
#include <string_view>

namespace lonc::app {

namespace {

namespace po = boost::program_options;
using Strings = std::vector<std::string>;

constexpr std::size_t line_width = 78;

po::options_description options() {
  po::options_description description("Options", line_width);
  const auto file = [](auto* value) { return value->value_name("FILE"); };
  auto add = description.add_options();
  add("config", file(po::value<std::string>()),
      ("lonc's own settings (" + standard_config_file() + ", if it is there)").c_str());
  add("perlsetvar", file(po::value<Strings>()),
      "a file with PerlSetVar lines; may be given several times, the later wins "
      "(loncapa.conf and its like in /etc/httpd/conf)");
  add("set", po::value<Strings>()->value_name("NAME=VALUE"),
      "a setting; comes before those of files; may be given several times");
  add("user", po::value<std::string>()->value_name("NAME"), "the same as --set user=NAME");
  add("check", "print the settings, where they come from and every problem, and do not start");
  add("daemonize", "go to the background once the sockets listen");
  add("version", "print the version");
  add("help,h", "print this text");
  return description;
}

po::variables_map parse(const Strings& arguments, const po::options_description& description) {
  namespace style = po::command_line_style;
  po::variables_map values;
  try {
    // No guessing: an abbreviation that works today is ambiguous tomorrow.
    const auto parsed = po::command_line_parser(arguments)
                            .options(description)
                            .style(style::unix_style & ~style::allow_guessing)
                            .positional({})
                            .run();
    po::store(parsed, values);
  } catch (const po::too_many_positional_options_error&) {
    throw UsageError("there is an argument that belongs to no option; a setting is given as --set NAME=VALUE");
  } catch (const po::error& error) {
    throw UsageError(std::string(error.what()) + "; lonc --help lists all options");
  }
  return values;
}

std::optional<std::string> one(const po::variables_map& values, const char* name) {
  if (values.count(name) == 0) return std::nullopt;
  auto value = values[name].as<std::string>();
  if (value.empty()) throw UsageError("--" + std::string(name) + " is empty; give a value or leave it out");
  return value;
}

Strings many(const po::variables_map& values, const char* name) {
  return values.count(name) == 0 ? Strings{} : values[name].as<Strings>();
}

void check_usage(const CommandLine& command_line) {
  for (const auto& file : command_line.perl_set_var_files) {
    if (file.empty()) throw UsageError("--perlsetvar is empty; name a file or leave it out");
  }
  for (const auto& assignment : command_line.assignments) {
    if (assignment.find('=') == std::string::npos) {
      throw UsageError("--set " + assignment + " has no value; write --set NAME=VALUE");
    }
  }
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
           '.' + (setting.reloadable ? "" : " A change needs a restart."),
       6);
}

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& arguments) {
  const auto description = options();
  const auto values = parse(arguments, description);
  CommandLine command_line;
  command_line.config_file = one(values, "config");
  command_line.perl_set_var_files = many(values, "perlsetvar");
  command_line.assignments = many(values, "set");
  command_line.user = one(values, "user");
  command_line.check = values.count("check") != 0;
  command_line.daemonize = values.count("daemonize") != 0;
  command_line.version = values.count("version") != 0;
  command_line.help = values.count("help") != 0;
  check_usage(command_line);
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
         "a number of bytes may end in k or M.\n";
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
