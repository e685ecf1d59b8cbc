// The options by which every program of lonc finds its settings: --config, --perlsetvar, --set and --user.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace lonc::app {

struct CommandLine;

void add_settings_options(boost::program_options::options_description& description);

// What was given for them goes to `command_line`. Throws UsageError.
void take_settings_options(const boost::program_options::variables_map& values, CommandLine& command_line);

struct ParsedOptions {
  boost::program_options::variables_map values;
  std::vector<std::string> words;  // what belongs to no option, in its order
};

// In the style of all programs of lonc: nothing is abbreviated. `program` is named in what a UsageError says.
ParsedOptions parse_options(const std::vector<std::string>& arguments,
                            const boost::program_options::options_description& description, std::string_view program);

}  // namespace lonc::app
