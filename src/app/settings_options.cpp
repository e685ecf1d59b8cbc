#include <lonc/app/settings_options.hpp>

#include <lonc/app/command_line.hpp>
#include <lonc/app/settings_loader.hpp>

#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>

#include <optional>

namespace lonc::app {

namespace {

namespace po = boost::program_options;
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

void add_settings_options(po::options_description& description) {
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
    // No guessing: an abbreviation that works today is ambiguous tomorrow.
    const auto parsed =
        po::command_line_parser(arguments).options(description).style(style::unix_style & ~style::allow_guessing).run();
    for (const auto& option : parsed.options) {
      if (option.position_key >= 0) result.words.insert(result.words.end(), option.value.begin(), option.value.end());
    }
    po::parsed_options named = parsed;
    std::erase_if(named.options, [](const po::option& option) { return option.position_key >= 0; });
    po::store(named, result.values);
  } catch (const po::error& error) {
    throw UsageError(std::string(error.what()) + "; " + std::string(program) + " --help lists all options");
  }
  return result;
}

}  // namespace lonc::app
