#include <lonc/node/config/settings_loader.hpp>

#include <lonc/core/base/text.hpp>
#include <lonc/core/hosts/host_table.hpp>
#include <lonc/core/hosts/perl_set_var.hpp>
#include <lonc/node/config/command_line.hpp>
#include <lonc/node/config/peer_configs.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>

namespace lonc::node {

namespace {

using core::Problem;
using core::quoted;

std::string absolute(const std::string& path) {
  std::error_code error;
  const auto result = std::filesystem::absolute(path, error);
  return error ? path : result.string();
}

// The ID in a "[peer ID]" line; nothing for any other line.
std::optional<std::string> peer_of_section(std::string_view line) {
  constexpr std::string_view word = "peer";
  line = core::trim(line.substr(0, line.find('#')));
  if (!line.starts_with('[') || !line.ends_with(']')) return std::nullopt;
  line = core::trim(line.substr(1, line.size() - 2));
  if (!line.starts_with(word) || line.find_first_of(" \t") != word.size()) return std::nullopt;
  const auto id = core::trim(line.substr(word.size()));
  return core::host_id_fault(id).empty() ? std::optional<std::string>(id) : std::nullopt;
}

struct Assignment {
  std::string_view name;
  std::string_view value;
};

// "NAME = VALUE", with or without the blanks. Nothing for a text without a '='.
std::optional<Assignment> parse_assignment(std::string_view text) {
  const auto end = text.find('=');
  if (end == std::string_view::npos) return std::nullopt;
  return Assignment{core::trim(text.substr(0, end)), core::trim(text.substr(end + 1))};
}

class Loader {
 public:
  explicit Loader(const os::ReadFile& read_file) : read_file_(read_file) {}

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

  // Empty if there is nothing to read.
  std::string read(const std::string& path, bool is_needed) {
    std::string text;
    const auto error = read_file_(path, text);
    if (!error) return text;
    if (is_needed || error != std::errc::no_such_file_or_directory) {
      tell_error({Origin::Source::built_in, path, 0}, "cannot be read: " + error.message(),
                 is_needed ? "name a file that lonc's user can read" : "let lonc's user read it");
    }
    return {};
  }

  void read_perl_set_vars(const std::string& path, bool is_needed) {
    auto file = core::parse_perl_set_var(read(path, is_needed), path,
                                         [](std::string_view name) { return find_setting_by_alias(name) != nullptr; });
    std::ranges::move(file.problems, std::back_inserter(result_.problems));
    for (const auto& variable : file.variables) {
      // What is no setting is meant for other readers of the same file.
      if (const auto* setting = find_setting_by_alias(variable.name))
        assign("", *setting, variable.name, variable.value, {Origin::Source::perl_set_var, path, variable.line});
    }
  }

  void read_config_file(const std::string& path, bool is_needed) {
    core::for_each_line(read(path, is_needed), [&](std::string_view line, std::size_t number) {
      take_config_line(line, {Origin::Source::config_file, path, number});
    });
  }

  void begin_section(std::string_view line, const Origin& origin) {
    section_ = peer_of_section(line);
    if (section_) return name_peer(*section_, origin);
    tell_error(origin, quoted(core::trim(line)) + " is not the beginning of a section; the lines below it are skipped",
               "write [peer ID], with an id as in hosts.tab");
  }

  void name_peer(const std::string& id, const Origin& origin) {
    result_.settings.of_peers.try_emplace(id);
    result_.origins.try_emplace(origin_key(id, ""), origin);
  }

  void take_config_line(std::string_view line, const Origin& origin) {
    if (core::trim(line).starts_with('[')) return begin_section(line, origin);
    const auto text = core::trim(line.substr(0, line.find('#')));
    if (!section_ || text.empty()) return;
    const auto assignment = parse_assignment(text);
    if (assignment) return take_named(*section_, assignment->name, assignment->value, origin);
    tell_error(origin, quoted(core::trim(line)) + " is not a setting",
               "write NAME = VALUE, and a '#' before a comment");
  }

  void take_assignment(std::string_view text) {
    const Origin origin{Origin::Source::command_line, "", 0};
    const auto assignment = parse_assignment(text);
    if (!assignment) return tell_error(origin, quoted(text) + " is not an assignment", "write --set NAME=VALUE");
    const auto [name, value] = *assignment;
    const auto colon = name.find(':');
    if (colon == std::string_view::npos) return take_named("", name, value, origin);
    const auto peer = peer_of_section('[' + std::string(name.substr(0, colon)) + ']');
    if (!peer) {
      return tell_error(origin, quoted(name) + " names no setting of a peer", "write --set 'peer ID: NAME=VALUE'");
    }
    name_peer(*peer, origin);
    take_named(*peer, core::trim(name.substr(colon + 1)), value, origin);
  }

  // `peer`: empty for all peers.
  void take_named(const std::string& peer, std::string_view name, std::string_view value, const Origin& origin) {
    if (const auto* setting = find_setting(name)) {
      if (!peer.empty() && !setting->per_peer) {
        return tell_error(origin, setting->name + " cannot be set for one peer",
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
         fmt::format("{} was set before, in line {}; this value is used", key, earlier.line),
         "remove one of the two lines");
  }

  void assign(const std::string& peer, const Setting& setting, std::string_view name, std::string_view value,
              const Origin& origin) {
    Settings own;
    if (!setting.set(peer.empty() ? result_.settings : own, value)) {
      refused_.insert(setting.name);
      return tell_error(origin, fmt::format("{}: {} is not {}", name, quoted(value), setting.accepts),
                        setting.default_text.empty() ? "correct the value"
                                                     : "correct the value, the default is " + setting.default_text);
    }
    if (!peer.empty()) result_.settings.of_peers[peer][setting.name] = setting.get(own);
    result_.origins[origin_key(peer, setting.name)] = origin;
  }

  // Where one of two settings that conflict was set. Nothing if neither was.
  std::optional<Origin> place_of(const std::string& key, const std::string& other) const {
    for (const std::string& each : {key, other}) {
      const auto found = result_.origins.find(each);
      if (found != result_.origins.end() && found->second.source != Origin::Source::built_in) return found->second;
    }
    return std::nullopt;
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
                settings.peer.engine.min_connections <= settings.peer.engine.max_connections);
    check_order(peer, settings, "backoff-first", "backoff-longest",
                settings.peer.engine.backoff_first <= settings.peer.engine.backoff_longest);
  }

  void check_order(const std::string& peer, const Settings& settings, const char* smaller, const char* larger,
                   bool is_right) {
    const auto at = place_of(origin_key(peer, smaller), origin_key(peer, larger));
    if (is_right || !at) return;  // if neither is set for this peer, it is reported once for all
    const auto value = find_setting(smaller)->get(settings);
    tell_error(*at,
               fmt::format("{} is {}, more than {}, which is {}", origin_key(peer, smaller), value, larger,
                           find_setting(larger)->get(settings)),
               fmt::format("set {} to {} or more, or lower {}", larger, value, smaller));
  }

  void check_host_id() {
    const auto& settings = result_.settings;
    const auto longest = longest_host_id(settings.socket_dir);
    if (settings.host_id.empty()) {
      if (refused_.contains("host-id")) return;
      tell_error({}, "host-id is not set", "set lonHostID in loncapa.conf, or host-id in lonc.conf");
    } else if (longest != 0 && settings.host_id.size() > longest) {
      tell_error(place_of("host-id", "socket-dir").value_or(Origin{}),
                 fmt::format("host-id is {} bytes long, but only {} fit in the path of a socket in socket-dir",
                             settings.host_id.size(), longest),
                 "use a directory with a shorter path");
    }
    if (longest == 0) {
      tell_error(result_.origins["socket-dir"],
                 fmt::format("socket-dir is {} bytes long, which leaves no room for an id in the path of a socket",
                             settings.socket_dir.size()),
                 "use a directory with a shorter path");
    }
  }

  void check_socket_access() {
    const auto& settings = result_.settings;
    if ((settings.peer.socket_mode & 0007) != 0) {
      tell(Problem::Kind::warning, result_.origins["socket-mode"],
           "socket-mode lets every local user act as this server", "leave the last digit 0");
    }
    if (!settings.peer.socket_group.empty() && (settings.peer.socket_mode & 0060) != 0060) {
      tell(Problem::Kind::warning, result_.origins["socket-group"],
           "socket-group has no effect, as socket-mode does not let the group read and write",
           "set socket-mode = 0660");
    }
  }

  const os::ReadFile& read_file_;
  LoadedSettings result_;
  std::set<std::string> refused_;  // settings with an invalid value
  // The peer of the current section of lonc.conf; empty before the first section; nothing in an invalid section.
  std::optional<std::string> section_ = "";
};

}  // namespace

SettingsSources sources_of(const CommandLine& command_line) {
  SettingsSources sources;
  sources.need_perl_set_var_files = !command_line.perl_set_var_files.empty();
  sources.perl_set_var_files = command_line.perl_set_var_files;
  if (!sources.need_perl_set_var_files) {
    // In this order, as the last one wins.
    for (const char* name : {"access.conf", "loncapa_apache.conf", "loncapa.conf"})
      sources.perl_set_var_files.push_back(std::string("/etc/httpd/conf/") + name);
  }
  for (auto& file : sources.perl_set_var_files) file = absolute(file);
  sources.need_config_file = command_line.config_file.has_value();
  sources.config_file = absolute(command_line.config_file.value_or(standard_config_file()));
  sources.assignments = command_line.assignments;
  if (command_line.user) sources.assignments.push_back("user=" + *command_line.user);
  return sources;
}

// Where a distribution's package has installed the program, the FHS defines the path, regardless of the build's prefix.
std::string standard_config_file() {
  std::error_code error;
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  const bool is_packaged = folder == "/usr/sbin" || folder == "/usr/bin";
  return std::string(is_packaged ? "/etc" : LONC_SYSCONFDIR) + "/lonc/lonc.conf";
}

std::string to_string(const Origin& origin) {
  if (origin.source == Origin::Source::built_in) return "default";
  if (origin.source == Origin::Source::command_line) return "command line";
  return fmt::format("{}:{}", origin.file, origin.line);
}

std::string origin_key(const std::string& peer_id, const std::string& name) {
  if (peer_id.empty()) return name;
  return "peer " + peer_id + (name.empty() ? "" : ": " + name);
}

bool LoadedSettings::is_usable() const {
  return std::ranges::find(problems, Problem::Kind::error, &Problem::kind) == problems.end();
}

LoadedSettings load_settings(const SettingsSources& sources, const os::ReadFile& read) {
  return Loader(read).load(sources);
}

}  // namespace lonc::node
