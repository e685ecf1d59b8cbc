// Settings from the places where they are given: command line over lonc.conf over PerlSetVar files over defaults.
// Tells of every problem instead of stopping at the first. Does not look at the machine: check.hpp.
#pragma once

#include <lonc/app/read_file.hpp>
#include <lonc/app/settings.hpp>
#include <lonc/core/problem.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <system_error>
#include <vector>

namespace lonc::app {

struct CommandLine;

struct SettingsSources {
  std::vector<std::string> perl_set_var_files;  // the later wins
  bool need_perl_set_var_files = false;         // a missing one is an error
  std::string config_file;                      // empty: none
  bool need_config_file = false;
  std::vector<std::string> assignments;  // NAME=VALUE or "peer ID: NAME=VALUE" of the command line; the later wins
};

// Where the command line says, or else the standard places. Paths become absolute, so that a reload finds them.
SettingsSources sources_of(const CommandLine& command_line);

// Of PerlSetVar lines: access.conf, loncapa_apache.conf, loncapa.conf. In this order, as the later wins.
std::vector<std::string> standard_perl_set_var_files();
std::string standard_config_file();

// Where the value in force comes from.
struct Origin {
  enum class Source { built_in, perl_set_var, config_file, command_line };
  Source source = Source::built_in;
  std::string file;
  std::size_t line = 0;
};

// "default", "command line" or "FILE:LINE".
std::string to_string(const Origin& origin);

struct LoadedSettings {
  Settings settings;
  // Of every setting, by name; of one peer's, by "peer ID: NAME", and where the peer was first named, by "peer ID".
  std::map<std::string, Origin> origins;
  std::vector<core::Problem> problems;

  // No problem is an error: `settings` may be used.
  bool is_usable() const;
};

// The key of `name`, or of the peer itself if it is empty, in LoadedSettings::origins.
std::string origin_key(const std::string& peer_id, const std::string& name);

LoadedSettings load_settings(const SettingsSources& sources, const ReadFile& read = read_file);

}  // namespace lonc::app
