// The options of the lonc program. What their values mean is not looked at here.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace lonc::app {

struct CommandLine {
  std::optional<std::string> config_file;
  std::vector<std::string> perl_set_var_files;  // as given; empty: the standard places
  std::vector<std::string> assignments;         // NAME=VALUE
  std::optional<std::string> user;
  bool check = false;
  bool daemonize = false;
  bool version = false;
  bool help = false;
};

// The command line can not be understood; what() says why and what to do. The program exits with `exit_code`.
class UsageError : public std::runtime_error {
 public:
  static constexpr int exit_code = 2;
  using std::runtime_error::runtime_error;
};

// `arguments` without the name of the program.
CommandLine parse_command_line(const std::vector<std::string>& arguments);

// The text of --help: options and all settings.
std::string help_text();

}  // namespace lonc::app
