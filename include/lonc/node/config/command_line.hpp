// The options of the lonc program, and those that tell every program of lonc where its settings are: --config,
// --perlsetvar, --set and --user. Does not interpret their values.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::node {

struct CommandLine {
  std::optional<std::string> config_file;
  std::vector<std::string> perl_set_var_files;  // as given; empty: the standard places
  std::vector<std::string> assignments;  // NAME=VALUE
  std::optional<std::string> user;
  bool check = false;
  bool daemonize = false;
  bool version = false;
  bool help = false;
};

// The command line is invalid; what() says why and what to do. The program exits with `exit_code`.
class UsageError : public std::runtime_error {
 public:
  static constexpr int exit_code = 2;
  using std::runtime_error::runtime_error;
};

// The version of this build, as set in CMakeLists.txt.
extern const char* const version;

// `arguments` does not include the program name.
CommandLine parse_command_line(const std::vector<std::string>& arguments);

// The text of --help: the options and all settings.
std::string help_text();

// Adds the options that tell where the settings are.
void add_settings_options(boost::program_options::options_description& description);

// Stores the values of those options in `command_line`. Throws UsageError.
void take_settings_options(const boost::program_options::variables_map& values, CommandLine& command_line);

struct ParsedOptions {
  boost::program_options::variables_map values;
  std::vector<std::string> words;  // arguments that belong to no option, in order
};

// In the style of all programs of lonc: options cannot be abbreviated. The text of a UsageError names `program`.
ParsedOptions parse_options(const std::vector<std::string>& arguments,
                            const boost::program_options::options_description& description, std::string_view program);

}  // namespace lonc::node
