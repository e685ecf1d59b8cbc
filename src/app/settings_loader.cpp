#include <lonc/app/settings_loader.hpp>

#include <lonc/app/command_line.hpp>
#include <lonc/app/host_table_file.hpp>
#include <lonc/app/read_file.hpp>
#include <lonc/app/setting_table.hpp>
#include <lonc/core/config_lines.hpp>
#include <lonc/core/host_table.hpp>
#include <lonc/core/perl_set_var.hpp>
#include <lonc/core/text.hpp>

#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string_view>

namespace lonc::app {

namespace {

namespace po = boost::program_options;
using core::Problem;

std::string absolute(const std::string& path) {
  std::error_code error;
  const auto result = std::filesystem::absolute(path, error);
  return error ? path : result.string();
}

// What a "[peer ID]" line names; nothing if it is another line.
std::optional<std::string> peer_of_section(std::string_view line) {
  constexpr std::string_view word = "peer";
  line = core::trim(line.substr(0, line.find('#')));
  if (!line.starts_with('[') || !line.ends_with(']')) return std::nullopt;
  line = core::trim(line.substr(1, line.size() - 2));
  if (!line.starts_with(word) || line.find_first_of(" \t") != word.size()) return std::nullopt;
  const auto id = core::trim(line.substr(word.size()));
  return core::host_id_fault(id).empty() ? std::optional<std::string>(id) : std::nullopt;
}

std::string quoted(std::string_view text) { return '"' + core::escape_outside_text(text) + '"'; }

class Loader {
 public:
  explicit Loader(const ReadFile& read_file) : read_file_(read_file) {}

  LoadedSettings load(const SettingsSources& sources) {
    for (const auto& setting : setting_table()) result_.origins[setting.name] = {};
    for (const auto& file : sources.perl_set_var_files) {
      read_perl_set_vars(file, sources.need_perl_set_var_files);
    }
    if (!sources.config_file.empty()) read_config_file(sources.config_file, sources.need_config_file);
    for (const auto& assignment : sources.assignments) take_assignment(assignment);
    check_together();
    return std::move(result_);
  }

 private:
  void tell(Problem::Kind kind, const Origin& origin, std::string text, std::string remedy) {
    result_.problems.push_back({kind, origin.file, origin.line, std::move(text), std::move(remedy)});
  }
  void tell_error(const Origin& origin, std::string text, std::string remedy) {
    tell(Problem::Kind::error, origin, std::move(text), std::move(remedy));
  }

  // False if there is nothing to read.
  bool read(const std::string& path, bool is_needed, std::string& text) {
    const auto error = read_file_(path, text);
    if (!error) return true;
    if (is_needed || error != std::errc::no_such_file_or_directory) {
      tell_error({Origin::Source::built_in, path, 0}, "can not be read: " + error.message(),
                 is_needed ? "name a file that lonc's user can read" : "let lonc's user read it");
    }
    return false;
  }

  void read_perl_set_vars(const std::string& path, bool is_needed) {
    std::string text;
    if (!read(path, is_needed, text)) return;
    auto file = core::parse_perl_set_var(text, path,
                                         [](std::string_view name) { return find_setting_by_alias(name) != nullptr; });
    std::move(file.problems.begin(), file.problems.end(), std::back_inserter(result_.problems));
    for (const auto& variable : file.variables) {
      const auto* setting = find_setting_by_alias(variable.name);
      if (setting == nullptr) continue;  // meant for others who read the same file
      assign("", *setting, variable.name, variable.value, {Origin::Source::perl_set_var, path, variable.line});
    }
  }

  void read_config_file(const std::string& path, bool is_needed) {
    std::string text;
    if (!read(path, is_needed, text)) return;
    core::for_each_line(text, [&](std::string_view line, std::size_t number) {
      take_config_line(line, {Origin::Source::config_file, path, number});
    });
  }

  void begin_section(std::string_view line, const Origin& origin) {
    section_ = peer_of_section(line);
    if (section_) return name_peer(*section_, origin);
    tell_error(origin, quoted(core::trim(line)) + " begins no section; what is below it is passed over",
               "write [peer ID], with an id as in hosts.tab");
  }

  void name_peer(const std::string& id, const Origin& origin) {
    result_.settings.of_peers.try_emplace(id);
    result_.origins.try_emplace(origin_key(id, ""), origin);
  }

  // Line by line, since the parser of a whole file does not tell the line of an error.
  void take_config_line(std::string_view line, const Origin& origin) {
    static const po::options_description no_options;
    constexpr std::string_view remedy = "write NAME = VALUE, and a '#' before a comment";
    if (core::trim(line).starts_with('[')) return begin_section(line, origin);
    if (!section_) return;
    try {
      std::istringstream stream{std::string(line)};
      for (const auto& option : po::parse_config_file(stream, no_options, true).options) {
        take_named(*section_, option.string_key, option.value.empty() ? "" : option.value.front(), origin);
      }
    } catch (const po::error&) {
      tell_error(origin, quoted(core::trim(line)) + " is not a setting", std::string(remedy));
    }
  }

  void take_assignment(std::string_view assignment) {
    const Origin origin{Origin::Source::command_line, "", 0};
    const auto end = assignment.find('=');
    if (end == std::string_view::npos) {
      return tell_error(origin, quoted(assignment) + " is not an assignment", "write --set NAME=VALUE");
    }
    const auto value = core::trim(assignment.substr(end + 1));
    const auto name = core::trim(assignment.substr(0, end));
    const auto colon = name.find(':');
    if (colon == std::string_view::npos) return take_named("", name, value, origin);
    const auto peer = peer_of_section('[' + std::string(name.substr(0, colon)) + ']');
    if (!peer) {
      return tell_error(origin, quoted(name) + " names no setting of a peer", "write --set 'peer ID: NAME=VALUE'");
    }
    name_peer(*peer, origin);
    take_named(*peer, core::trim(name.substr(colon + 1)), value, origin);
  }

  // `peer`: empty for all.
  void take_named(const std::string& peer, std::string_view name, std::string_view value, const Origin& origin) {
    if (const auto* setting = find_setting(name)) {
      if (!peer.empty() && !setting->per_peer) {
        return tell_error(origin, setting->name + " can not be set for one peer",
                          "set it for all, above the first [peer ID]");
      }
      warn_if_doubled(origin_key(peer, setting->name), origin);
      return assign(peer, *setting, name, value, origin);
    }
    if (name == "slow-commands") {
      return tell(Problem::Kind::warning, origin, "slow-commands has no effect any more",
                  "remove it; nothing is written behind a request that is in flight");
    }
    const auto nearest = nearest_setting_name(name);
    tell_error(origin, "there is no setting " + quoted(name),
               nearest.empty() ? "lonc --help lists all settings" : "did you mean " + std::string(nearest) + '?');
  }

  void warn_if_doubled(const std::string& key, const Origin& origin) {
    const auto& earlier = result_.origins[key];
    if (origin.source != Origin::Source::config_file || earlier.source != origin.source) return;
    tell(Problem::Kind::warning, origin,
         key + " was set before, in line " + std::to_string(earlier.line) + "; this value is used",
         "remove one of the two lines");
  }

  void assign(const std::string& peer, const Setting& setting, std::string_view name, std::string_view value,
              const Origin& origin) {
    if (set(peer, setting, value)) {
      result_.origins[origin_key(peer, setting.name)] = origin;
      return;
    }
    tell_error(origin, std::string(name) + ": " + quoted(value) + " is not " + setting.accepts,
               setting.default_text.empty() ? "correct the value"
                                            : "correct the value, the default is " + setting.default_text);
  }

  bool set(const std::string& peer, const Setting& setting, std::string_view value) {
    if (peer.empty()) return setting.set(result_.settings, value);
    Settings own;
    if (!setting.set(own, value)) return false;
    result_.settings.of_peers[peer][setting.name] = setting.get(own);
    return true;
  }

  std::optional<Origin> origin_in_section(const std::string& peer, const char* name, const char* other) const {
    if (peer.empty()) return place_of(name, other);
    for (const char* setting : {name, other}) {
      const auto found = result_.origins.find(origin_key(peer, setting));
      if (found != result_.origins.end()) return found->second;
    }
    return std::nullopt;
  }

  // The place to name when two settings do not go together: where one of them was set.
  const Origin& place_of(const char* name, const char* other) const {
    const auto& origin = result_.origins.at(name);
    return origin.source != Origin::Source::built_in ? origin : result_.origins.at(other);
  }

  bool has_error_at(std::string_view name) const {
    return std::any_of(result_.problems.begin(), result_.problems.end(), [name](const Problem& problem) {
      return problem.kind == Problem::Kind::error && problem.text.starts_with(std::string(name) + ':');
    });
  }

  void check_together() {
    check_host_id();
    check_orders("", result_.settings);
    for (const auto& [peer, values] : result_.settings.of_peers) {
      if (!values.empty()) check_orders(peer, settings_of(result_.settings, peer));
    }
    check_socket_access();
  }

  void check_orders(const std::string& peer, const Settings& settings) {
    check_order(peer, settings, "min-connections", "max-connections",
                settings.min_connections <= settings.max_connections);
    check_order(peer, settings, "backoff-first", "backoff-longest", settings.backoff_first <= settings.backoff_longest);
  }

  void check_order(const std::string& peer, const Settings& settings, const char* smaller, const char* larger,
                   bool is_right) {
    if (is_right) return;
    const auto at = origin_in_section(peer, smaller, larger);
    if (!at) return;  // neither is this peer's own: told of those for all
    const auto value = find_setting(smaller)->get(settings);
    tell_error(*at,
               origin_key(peer, smaller) + " is " + value + ", more than " + larger + ", which is " +
                   find_setting(larger)->get(settings),
               "set " + std::string(larger) + " to " + value + " or more, or lower " + smaller);
  }

  void check_host_id() {
    const auto& settings = result_.settings;
    const auto longest = longest_host_id(settings.socket_dir);
    if (settings.host_id.empty()) {
      if (has_error_at("host-id") || has_error_at("lonHostID")) return;
      tell_error({}, "host-id is not set", "set lonHostID in loncapa.conf, or host-id in lonc.conf");
    } else if (longest != 0 && settings.host_id.size() > longest) {
      tell_error(place_of("host-id", "socket-dir"),
                 "host-id is " + std::to_string(settings.host_id.size()) + " bytes long, but only " +
                     std::to_string(longest) + " fit in the path of a socket in socket-dir",
                 "use a directory with a shorter path");
    }
    if (longest == 0) {
      tell_error(result_.origins["socket-dir"],
                 "socket-dir is " + std::to_string(settings.socket_dir.size()) +
                     " bytes long, which leaves no room for an id in the path of a socket",
                 "use a directory with a shorter path");
    }
  }

  void check_socket_access() {
    const auto& settings = result_.settings;
    if ((settings.socket_mode & 0007) != 0) {
      tell(Problem::Kind::warning, result_.origins["socket-mode"],
           "socket-mode lets every local user act as this server", "leave the last digit 0");
    }
    if (!settings.socket_group.empty() && (settings.socket_mode & 0060) != 0060) {
      tell(Problem::Kind::warning, result_.origins["socket-group"],
           "socket-group has no effect, as socket-mode does not let the group read and write",
           "set socket-mode = 0660");
    }
  }

  const ReadFile& read_file_;
  LoadedSettings result_;
  // Of the line of lonc.conf: the peer whose section it is in; empty above all sections; nothing below a bad one.
  std::optional<std::string> section_ = "";
};

}  // namespace

SettingsSources sources_of(const CommandLine& command_line) {
  SettingsSources sources;
  sources.need_perl_set_var_files = !command_line.perl_set_var_files.empty();
  sources.perl_set_var_files =
      sources.need_perl_set_var_files ? command_line.perl_set_var_files : standard_perl_set_var_files();
  for (auto& file : sources.perl_set_var_files) file = absolute(file);
  sources.need_config_file = command_line.config_file.has_value();
  sources.config_file = absolute(command_line.config_file.value_or(standard_config_file()));
  sources.assignments = command_line.assignments;
  if (command_line.user) sources.assignments.push_back("user=" + *command_line.user);
  return sources;
}

std::vector<std::string> standard_perl_set_var_files() {
  return {"/etc/httpd/conf/access.conf", "/etc/httpd/conf/loncapa_apache.conf", "/etc/httpd/conf/loncapa.conf"};
}

// In the places of a distribution's package the FHS says where to look, however this was built.
std::string standard_config_file() {
  std::error_code error;
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  const bool is_packaged = folder == "/usr/sbin" || folder == "/usr/bin";
  return std::string(is_packaged ? "/etc" : LONC_SYSCONFDIR) + "/lonc/lonc.conf";
}

std::string to_string(const Origin& origin) {
  switch (origin.source) {
    case Origin::Source::built_in:
      return "default";
    case Origin::Source::command_line:
      return "command line";
    case Origin::Source::perl_set_var:
    case Origin::Source::config_file:
      break;
  }
  return origin.file + ':' + std::to_string(origin.line);
}

std::string origin_key(const std::string& peer_id, const std::string& name) {
  if (peer_id.empty()) return name;
  return "peer " + peer_id + (name.empty() ? "" : ": " + name);
}

bool LoadedSettings::is_usable() const {
  return std::none_of(problems.begin(), problems.end(),
                      [](const Problem& problem) { return problem.kind == Problem::Kind::error; });
}

LoadedSettings load_settings(const SettingsSources& sources, const ReadFile& read) {
  return Loader(read).load(sources);
}

}  // namespace lonc::app
