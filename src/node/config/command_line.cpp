#include <lonc/node/config/command_line.hpp>

#include <lonc/node/config/settings_loader.hpp>

#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>
#include <fmt/format.h>

#include <sstream>

namespace lonc::node {

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

// Wraps the words of `text` into lines, each indented by `indent` spaces.
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
  out << "  " << setting.name << (setting.alias.empty() ? "" : " (" + setting.alias + ")") << '\n';
  wrap(out, setting.help, 6);
  wrap(out,
       fmt::format(
           "Takes {}. Default: {}.{}{}", setting.accepts, setting.default_text.empty() ? "none" : setting.default_text,
           setting.reloadable ? "" : " A change needs a restart.", setting.per_peer ? " Can be set for one peer." : ""),
       6);
}

using Strings = std::vector<std::string>;

std::optional<std::string> one(const po::variables_map& values, const char* name) {
  if (values.count(name) == 0) return std::nullopt;
  auto value = values[name].as<std::string>();
  if (value.empty()) throw UsageError("--" + std::string(name) + " is empty; give a value or leave it out");
  return value;
}

Strings many(const po::variables_map& values, const char* name) {
  return values.count(name) == 0 ? Strings{} : values[name].as<Strings>();
}

}  // namespace

const char* const version = LONC_VERSION;

CommandLine parse_command_line(const std::vector<std::string>& arguments) {
  const ParsedOptions parsed = parse_options(arguments, options(), "lonc");
  const auto has = [&](const char* name) { return parsed.values.count(name) != 0; };
  CommandLine command_line;
  take_settings_options(parsed.values, command_line);
  command_line.check = has("check");
  command_line.daemonize = has("daemonize");
  command_line.version = has("version");
  command_line.help = has("help");
  if (!parsed.words.empty())
    throw UsageError("there is an argument that belongs to no option; a setting is given as --set NAME=VALUE");
  if (command_line.check && command_line.daemonize)
    throw UsageError("--check and --daemonize exclude each other; leave one out");
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
         "a number of bytes may end in k or M. For one peer only, where stated below:\n"
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

void add_settings_options(po::options_description& description) {
  const auto file = [](auto* value) { return value->value_name("FILE"); };
  auto add = description.add_options();
  add("config", file(po::value<std::string>()),
      ("lonc's own settings (" + standard_config_file() + ", if it exists)").c_str());
  add("perlsetvar", file(po::value<Strings>()),
      "a file with PerlSetVar lines; may be given several times, the later wins (loncapa.conf and similar files in "
      "/etc/httpd/conf)");
  add("set", po::value<Strings>()->value_name("NAME=VALUE"),
      "a setting; overrides those in files; may be given several times");
  add("user", po::value<std::string>()->value_name("NAME"), "the same as --set user=NAME");
}

void take_settings_options(const po::variables_map& values, CommandLine& command_line) {
  command_line.config_file = one(values, "config");
  command_line.perl_set_var_files = many(values, "perlsetvar");
  command_line.assignments = many(values, "set");
  command_line.user = one(values, "user");
  for (const auto& path : command_line.perl_set_var_files) {
    if (path.empty()) throw UsageError("--perlsetvar is empty; name a file or leave it out");
  }
  for (const auto& assignment : command_line.assignments) {
    if (assignment.find('=') == std::string::npos) {
      throw UsageError("--set " + assignment + " has no value; write --set NAME=VALUE");
    }
  }
}

ParsedOptions parse_options(const Strings& arguments, const po::options_description& description,
                            std::string_view program) {
  namespace style = po::command_line_style;
  ParsedOptions result;
  try {
    // No guessing: an abbreviation that works today may become ambiguous with a later option.
    auto parsed =
        po::command_line_parser(arguments).options(description).style(style::unix_style & ~style::allow_guessing).run();
    for (const auto& option : parsed.options) {
      if (option.position_key >= 0) result.words.insert(result.words.end(), option.value.begin(), option.value.end());
    }
    std::erase_if(parsed.options, [](const po::option& option) { return option.position_key >= 0; });
    po::store(parsed, result.values);
  } catch (const po::error& error) {
    throw UsageError(std::string(error.what()) + "; " + std::string(program) + " --help lists all options");
  }
  return result;
}

}  // namespace lonc::node
