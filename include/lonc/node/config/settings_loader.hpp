// Loads the settings from their sources. Precedence: command line, lonc.conf, PerlSetVar files, defaults. Reports
// every problem instead of stopping at the first. Does not check the machine; start_check.hpp does.
#pragma once

#include <lonc/core/base/error.hpp>
#include <lonc/node/config/settings.hpp>
#include <lonc/os/files.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <system_error>
#include <vector>

namespace lonc::node {

struct CommandLine;

struct SettingsSources {
  std::vector<std::string> perl_set_var_files;  // the last one wins
  bool need_perl_set_var_files = false;         // a missing file is an error
  std::string config_file;                      // empty: none
  bool need_config_file = false;
  std::vector<std::string> assignments;  // NAME=VALUE or "peer ID: NAME=VALUE" on the command line; the last wins
};

// The sources named on the command line, or the standard ones. Paths become absolute, so that a reload finds them.
SettingsSources sources_of(const CommandLine& command_line);

std::string standard_config_file();

// Where the value in effect comes from.
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
  // By name for every setting, by "peer ID: NAME" for one set for a single peer. By "peer ID": where that peer was
  // first named.
  std::map<std::string, Origin> origins;
  std::vector<core::Problem> problems;

  // True if no problem is an error: `settings` may be used.
  bool is_usable() const;
};

// The key of `name` in LoadedSettings::origins; the key of the peer itself if `name` is empty.
std::string origin_key(const std::string& peer_id, const std::string& name);

LoadedSettings load_settings(const SettingsSources& sources, const os::ReadFile& read = os::read_file);

}  // namespace lonc::node
