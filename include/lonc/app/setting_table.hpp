// The one table of settings: names, ranges, help and how each goes from text into Settings and back. `--help`,
// `--check` and lonc.conf(5) are made from it. Reads no file: settings_loader.hpp.
#pragma once

#include <lonc/app/settings.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::app {

struct Setting {
  std::string name;     // kebab-case, as in lonc.conf
  std::string alias;    // its PerlSetVar name; empty if it has none
  std::string group;    // heading under which it is explained
  std::string accepts;  // what a value has to be, with its range: "a duration from 1s to 1h"
  bool reloadable;      // SIGHUP puts a new value in force
  bool per_peer;        // may be set for one peer alone
  std::string help;     // whole sentences
  std::function<bool(Settings&, std::string_view text)> set;  // false, and nothing changed, if not acceptable
  std::function<std::string(const Settings&)> get;            // such that set() takes it back
  std::string default_text;
};

// In the order in which they are explained.
const std::vector<Setting>& setting_table();

// By name or alias, as spelled in the table; null if there is none.
const Setting* find_setting(std::string_view name_or_alias);

// By alias alone, as PerlSetVar files are read.
const Setting* find_setting_by_alias(std::string_view alias);

// The name or alias that was probably meant; empty if nothing is near.
std::string_view nearest_setting_name(std::string_view name);

// Those that hold for one peer: its own values in place of those for all.
Settings settings_of(const Settings& settings, const std::string& peer_id);

// For a reload: puts the values of settings that are not reloadable back to those of `running`, and returns the
// names of those that would have changed.
std::vector<std::string> keep_not_reloadable(const Settings& running, Settings& loaded);

// The words of log-level.
std::optional<core::Severity> parse_log_level(std::string_view word);
std::string log_level_word(core::Severity level);
std::string log_level_words();  // "one of debug, info, ..."

}  // namespace lonc::app
