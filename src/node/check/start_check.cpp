#include <lonc/node/check/start_check.hpp>

#include <lonc/core/base/text.hpp>
#include <lonc/node/config/settings.hpp>
#include <lonc/os/accounts.hpp>
#include <lonc/os/files.hpp>
#include <lonc/os/log_file.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace lonc::node {

namespace {

using core::Problem;

std::string settings_in_force(const LoadedSettings& loaded) {
  constexpr std::size_t widest_value = 40;  // a longer one shifts only its own line
  std::size_t name_width = 0;
  std::size_t value_width = 0;
  for (const auto& setting : setting_table()) {
    name_width = std::max(name_width, setting.name.size());
    value_width = std::max(value_width, std::min(setting.get(loaded.settings).size(), widest_value));
  }
  std::string text = "Effective settings:\n";
  for (const auto& setting : setting_table()) {
    text += fmt::format("  {:{}} = {:{}}  # {}\n", setting.name, name_width, setting.get(loaded.settings), value_width,
                        to_string(loaded.origins.at(setting.name)));
  }
  return text;
}

std::string settings_of_peers(const LoadedSettings& loaded) {
  std::string text;
  for (const auto& [id, values] : loaded.settings.of_peers) {
    if (values.empty()) continue;
    text += fmt::format("\nFor the peer {}:\n", core::escape_outside_text(id));
    for (const auto& [name, value] : values)
      text += fmt::format("  {} = {}  # {}\n", name, value, to_string(loaded.origins.at(origin_key(id, name))));
  }
  return text;
}

std::string hosts_in_use(const HostTableFile& hosts) {
  if (hosts.error) return fmt::format("Peers: none, {} cannot be read\n", hosts.path);
  const auto& all = hosts.table.hosts;
  const auto by_name = std::ranges::count(all, "", &core::Host::address);
  const std::string looked_up = by_name > 0 ? fmt::format(", {} of them to be looked up by name", by_name) : "";
  return fmt::format("Peers: {} in {}{}\n", all.size(), hosts.path, looked_up);
}

// Why files cannot be created in a directory; no error if they can.
std::error_code directory_fault(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return os::last_error();
  if (!S_ISDIR(status.st_mode)) return std::make_error_code(std::errc::not_a_directory);
  if (::faccessat(AT_FDCWD, path.c_str(), W_OK | X_OK, AT_EACCESS) != 0) return os::last_error();
  return {};
}

class Checker {
 public:
  explicit Checker(const LoadedSettings& loaded) : loaded_(loaded), settings_(loaded.settings) {}

  std::vector<Problem> check(std::size_t peers) {
    if (const auto problem = check_user(settings_, ::geteuid()))
      tell(Problem::Kind::error, "user", problem->text, problem->remedy);
    check_group(Problem::Kind::error, "socket-group", settings_.peer.socket_group);
    // Only a warning: the daemon serves the peers without this group.
    check_group(Problem::Kind::warning, "admin-group", settings_.admin_group);
    check_directory(Problem::Kind::error, "socket-dir", settings_.socket_dir);
    check_directory(Problem::Kind::error, "daemon-dir", settings_.daemon_dir + "/logs");
    for (const char* log : {"/logs/lonc.log", "/logs/lonnet.perm.log"}) check_log(settings_.daemon_dir + log);
    check_directory(Problem::Kind::warning, "doc-root", settings_.doc_root + "/lon-status");
    check_descriptors(peers);
    return std::move(problems_);
  }

 private:
  void tell(Problem::Kind kind, const char* setting, std::string text, std::string remedy) {
    const auto& origin = loaded_.origins.at(setting);
    problems_.push_back({kind, origin.file, origin.line, std::move(text), std::move(remedy)});
  }

  void check_group(Problem::Kind kind, const char* setting, const std::string& name) {
    if (name.empty()) return;
    const auto id = os::group_id(name);
    if (!id) {
      tell(kind, setting, "there is no group " + name, fmt::format("create it, or name another with {}", setting));
    } else if (!os::is_member(*id)) {
      tell(kind, setting, fmt::format("{} is not in the group {}", settings_.user, name),
           fmt::format("add the user to the group, or name another with {}", setting));
    }
  }

  void check_directory(Problem::Kind kind, const char* setting, const std::string& path) {
    if (const auto fault = directory_fault(path))
      tell(kind, setting, fmt::format("{} cannot be used: {}", path, fault.message()),
           fmt::format("make it a directory that {} may write to, or correct {}", settings_.user, setting));
  }

  void check_log(const std::string& path) {
    if (const auto fault = os::log_fault(path))
      tell(Problem::Kind::warning, "daemon-dir", fmt::format("{} cannot be written: {}", path, fault.message()),
           "remove it, or put a plain file in its place");
  }

  void check_descriptors(std::size_t peers) {
    rlimit limit{};  // the soft limit is raised to the hard one at startup
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max == RLIM_INFINITY) return;
    // Only a warning, however few fit: the daemon serves fewer clients and reports it.
    if (const auto problem = fit_descriptors(limit.rlim_max, peers, settings_).problem)
      tell(Problem::Kind::warning, "max-clients", problem->text, problem->remedy);
  }

  const LoadedSettings& loaded_;
  const Settings& settings_;
  std::vector<Problem> problems_;
};

// Descriptors for log, pid file, event loop, name lookups, spool and status files, admin socket, and what libraries
// open.
constexpr std::size_t reserve = 64;

constexpr const char* descriptor_remedy =
    "raise the limit (LimitNOFILE= of the service, or `ulimit -Hn`), or lower max-clients or max-connections";

std::size_t as_size(rlim_t value) { return value == RLIM_INFINITY ? SIZE_MAX : static_cast<std::size_t>(value); }

}  // namespace

Findings collect_problems(const LoadedSettings& loaded, const HostTableFile& hosts) {
  std::vector<Problem> problems = loaded.problems;
  std::ranges::move(check_machine(loaded, hosts.table.hosts.size()), std::back_inserter(problems));
  if (hosts.error) {
    problems.push_back({Problem::Kind::error, hosts.path, 0, "cannot be read: " + hosts.error.message(),
                        "let " + loaded.settings.user + " read it, or correct tab-dir (lonTabDir)"});
  }
  const bool would_start = std::ranges::find(problems, Problem::Kind::error, &Problem::kind) == problems.end();

  std::ranges::copy(hosts.table.problems, std::back_inserter(problems));
  if (!hosts.path.empty() && !hosts.error && hosts.table.hosts.empty()) {
    problems.push_back(
        {Problem::Kind::warning, hosts.path, 0, "there is no usable host in it", "add lines id:domain:role:name:ip"});
  }
  return {std::move(problems), would_start};
}

CheckReport check(const LoadedSettings& loaded, const HostTableFile& hosts) {
  if (hosts.path.empty()) return check(loaded, read_host_table(loaded.settings));
  const auto [problems, would_start] = collect_problems(loaded, hosts);
  std::string text = settings_in_force(loaded) + settings_of_peers(loaded) + '\n' + hosts_in_use(hosts) + '\n';
  if (!problems.empty()) {
    text += "Problems:\n";
    for (const auto& problem : problems) text += "  " + to_string(problem) + '\n';
    text += '\n';
  }
  text += would_start ? "lonc would start.\n" : "lonc would not start.\n";
  return {std::move(text), would_start};
}

std::optional<Problem> check_user(const Settings& settings, uid_t effective) {
  const std::string wanted = fmt::format("`{}`", core::escape_outside_text(settings.user));
  const auto error = [](std::string text, std::string remedy) {
    return Problem{Problem::Kind::error, {}, 0, std::move(text), std::move(remedy)};
  };
  std::error_code cause;
  const auto user = os::find_user(settings.user, cause);
  if (!user)
    return error(fmt::format("the user {} that lonc must run as does not exist here{}", wanted,
                             cause ? ": " + cause.message() : ""),
                 "create it, or name the web server's user with the setting `user`");
  if (user->user == effective) return std::nullopt;
  return error(fmt::format("User ID mismatch: lonc must be run as user {} and was started as {}", wanted,
                           os::user_name(effective)),
               "start it as that user, or name another one with the setting `user`");
}

std::vector<Problem> check_machine(const LoadedSettings& loaded, std::size_t peers) {
  return Checker(loaded).check(peers);
}

DescriptorLimit raise_descriptor_limit() {
  rlimit limits{};
  if (::getrlimit(RLIMIT_NOFILE, &limits) != 0) return {0, os::last_error()};
  const rlimit raised{limits.rlim_max, limits.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &raised) != 0) return {as_size(limits.rlim_cur), os::last_error()};
  return {as_size(raised.rlim_cur), {}};
}

DescriptorFit fit_descriptors(std::size_t limit, std::size_t peers, const Settings& settings) {
  // Each peer has its listening socket, the epoll instance for its clients, and the connections that are always open.
  // Another connection is opened only when all are busy, so there are never more surplus connections than clients.
  std::size_t always = reserve + 2 * peers;
  std::size_t surplus = 0;
  const auto add = [&](std::size_t count, const core::PeerSettings& each) {
    always += count * each.min_connections;
    if (each.max_connections > each.min_connections) surplus += count * (each.max_connections - each.min_connections);
  };
  std::size_t others = peers;
  for (const auto& [id, values] : settings.of_peers) {
    if (others == 0) break;
    --others;
    add(1, settings_of(settings, id).peer.engine);
  }
  add(others, settings.peer.engine);

  DescriptorFit fit{.needed = always + settings.max_clients + std::min<std::size_t>(surplus, settings.max_clients),
                    .clients = settings.max_clients};
  if (fit.needed <= limit) return fit;

  const std::size_t left = limit > always ? limit - always : 0;
  const std::size_t clients = left >= 2 * surplus ? left - surplus : left / 2;
  // If not all connections fit: unreachable peers need no connections, and peers without clients need no epoll
  // instance. So clients get a third of what the listeners leave: besides its own descriptor, each may need one for a
  // connection and one for an epoll instance.
  const std::size_t listening = reserve + peers;
  const std::size_t third = limit > listening + 2 ? (limit - listening) / 3 : 1;
  const std::size_t served = clients > 0 ? clients : third;
  fit.clients = static_cast<unsigned>(std::min<std::size_t>(served, settings.max_clients));
  const std::string outcome = clients == 0 ? "not even all connections to the peers fit"
                                           : fmt::format("at most {} clients are served at once", fit.clients);
  fit.problem = Problem{clients == 0 ? Problem::Kind::error : Problem::Kind::warning,
                        {},
                        0,
                        fmt::format("{} peers and {} clients need {} file descriptors, but only {} are allowed: {}",
                                    peers, settings.max_clients, fit.needed, limit, outcome),
                        descriptor_remedy};
  return fit;
}

}  // namespace lonc::node
