#include "node.hpp"

#include "ctl/view/status_view.hpp"

#include <lonc/core/base/text.hpp>
#include <lonc/node/config/admin_access.hpp>
#include <lonc/node/config/peer_configs.hpp>
#include <lonc/node/config/settings_loader.hpp>
#include <lonc/os/accounts.hpp>
#include <lonc/os/files.hpp>
#include <lonc/os/process.hpp>

#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace lonc::ctl {

namespace {

std::string lonc_says(const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  const std::string error = text_in(json, "error");
  if (error.empty()) return "lonc refuses without giving a reason";
  std::string text = "lonc says: " + printable(error);
  for (const auto& problem : part(json, "problems")) {
    if (problem.is_string()) text += "\n  " + printable(problem.get<std::string>());
  }
  return text;
}

Failure not_yours(const Node& node) {
  std::string remedy = fmt::format("call loncctl as {} or root", node.settings.user);
  if (!node.settings.admin_group.empty())
    remedy += ", or, for read-only access, as a member of the group " + node.settings.admin_group;
  return {ExitCode::unreachable, not_yours_text("the admin socket " + node.admin_socket, node.admin_socket), remedy};
}

Failure is_down(const Node& node) {
  return {ExitCode::unreachable,
          fmt::format("lonc is not running: nothing listens on its admin socket {}", node.admin_socket),
          fmt::format("start it, with `systemctl start lonc` or as {} with `lonc --daemonize`. {}/logs/lonc.log says "
                      "why it ended. If it is running, it has other settings: give loncctl the same options",
                      node.settings.user, node.settings.daemon_dir)};
}

// For a daemon that listens but does not answer: reports the state of the process named in the pid file. Under systemd
// such a lonc exists for at most a minute, without systemd until somebody ends it.
Failure hangs(const Node& node) {
  const std::string pid_file = node.settings.daemon_dir + "/logs/lonc.pid";
  const std::string text = "lonc does not answer in time at its admin socket " + node.admin_socket;
  const std::string by_hand = "systemd's watchdog ends it within a minute; without systemd, end it by hand: ";
  std::string number;
  os::read_file(pid_file, number);
  const pid_t pid = core::number_in<pid_t>(core::trim(number)).value_or(0);
  const auto process = os::find_process(pid);
  if (!process)
    return {ExitCode::unreachable, fmt::format("{}, and its pid file {} names no process", text, pid_file),
            fmt::format("{}find it with `fuser {}`", by_hand, node.admin_socket)};
  const std::string what =
      fmt::format("{}: process {} ({}) of its pid file {}", text, pid, printable(process->name), pid_file);
  if (process->is_stopped)
    return {ExitCode::unreachable, what + " is stopped, by a signal or a debugger",
            fmt::format("resume it with `kill -CONT {}`, or systemd's watchdog ends it", pid)};
  return {ExitCode::unreachable, what + " hangs, or is overloaded",
          fmt::format("try again; if it hangs, {}kill -KILL {}, and start it again", by_hand, pid)};
}

}  // namespace

Node find_node(const Options& options) {
  node::LoadedSettings loaded = node::load_settings(node::sources_of(options.settings));
  if (!loaded.is_usable()) {
    std::string text = "the settings cannot be used:";
    for (const core::Problem& problem : loaded.problems) {
      if (problem.kind == core::Problem::Kind::error) text += "\n  " + core::to_string(problem);
    }
    throw Failure(ExitCode::unreachable, text);
  }
  return node_of(std::move(loaded.settings));
}

Node node_of(node::Settings settings) {
  return {.delayed = node::spooler_options(settings).directory,
          .admin_socket = node::admin_socket_path(settings),
          .settings = std::move(settings)};
}

core::HostTable read_hosts(const node::Settings& settings) {
  node::HostTableFile file = node::read_host_table(settings);
  if (file.error)
    throw Failure(ExitCode::unreachable, fmt::format("{} cannot be read: {}", file.path, file.error.message()),
                  fmt::format("let {} read it, or correct tab-dir (lonTabDir)", settings.user));
  return std::move(file.table);
}

const core::Host* find_host(const core::HostTable& hosts, const std::string& id) {
  const auto found = std::ranges::find(hosts.hosts, id, &core::Host::id);
  return found == hosts.hosts.end() ? nullptr : &*found;
}

void check_host(const node::Settings& settings, const std::string& id) {
  if (find_host(read_hosts(settings), id) == nullptr)
    throw Failure(ExitCode::no_match,
                  fmt::format("lonc serves no host {}, according to {}/hosts.tab", printable(id), settings.tab_dir),
                  "`loncctl hosts` lists those it serves");
}

void become_owner(const std::string& directory) {
  struct stat info{};
  if (::stat(directory.c_str(), &info) != 0) {
    const std::error_code error = os::last_error();
    throw Failure(ExitCode::unreachable,
                  fmt::format("there are no delayed messages here: {}: {}", directory, error.message()),
                  "start lonc once, or correct socket-dir (lonSockDir)");
  }
  if (::geteuid() != 0 || info.st_uid == 0) return;
  const gid_t group = info.st_gid;
  if (::setgroups(1, &group) != 0 || ::setresgid(group, group, group) != 0 ||
      ::setresuid(info.st_uid, info.st_uid, info.st_uid) != 0)
    throw Failure(ExitCode::failed,
                  fmt::format("cannot become the owner of {}: {}", directory, os::last_error().message()));
}

void become_user(const std::string& name) {
  const auto ids = os::find_user(name);
  if (!ids || ids->user == ::geteuid()) return;
  if (::geteuid() != 0)
    throw Failure(ExitCode::unreachable,
                  fmt::format("check examines files and sockets with the permissions of {}, and you are {}", name,
                              os::user_name(::geteuid())),
                  "call it as root or as " + name);
  if (::initgroups(name.c_str(), ids->group) != 0 || ::setresgid(ids->group, ids->group, ids->group) != 0 ||
      ::setresuid(ids->user, ids->user, ids->user) != 0)
    throw Failure(ExitCode::failed, fmt::format("cannot become the user {}: {}", name, os::last_error().message()));
}

std::string not_yours_text(const std::string& what, const std::string& path) {
  struct stat info{};
  const bool is_found = ::stat(path.c_str(), &info) == 0;
  return fmt::format("you may not use {}{}, and you are {}", what,
                     is_found ? ": it belongs to " + os::user_name(info.st_uid) : "", os::user_name(::geteuid()));
}

bool is_nobody_there(const HttpAnswer& answer) {
  return !answer.is_connected &&
         (answer.error == std::errc::no_such_file_or_directory || answer.error == std::errc::connection_refused);
}

Failure not_reached(const Node& node, const HttpAnswer& answer) {
  if (answer.error == std::errc::permission_denied) return not_yours(node);
  if (is_nobody_there(answer)) return is_down(node);
  if (answer.error == std::errc::timed_out) return hangs(node);
  return {ExitCode::unreachable,
          fmt::format("lonc does not answer at its admin socket {}: {}", node.admin_socket, answer.error.message()),
          answer.is_connected ? "it has ended, or is overloaded: try again" : ""};
}

Failure refused(const HttpAnswer& answer) {
  const auto& status = answer.status;
  const ExitCode code = status == 404                                     ? ExitCode::no_match
                        : status == 403 || status == 503 || status == 504 ? ExitCode::unreachable
                                                                          : ExitCode::failed;
  return {code, lonc_says(answer.body)};
}

std::string success(const Node& node, HttpAnswer answer) {
  if (answer.error) throw not_reached(node, answer);
  if (answer.status != 200) throw refused(answer);
  return std::move(answer.body);
}

nlohmann::json parse_answer(const std::string& body) {
  return nlohmann::json::parse(body).get<nlohmann::json::object_t>();
}

std::string get_from_daemon(const Node& node, const std::string& target, const CallTimeouts& timeouts) {
  return success(node, get_from_socket(node.admin_socket, target, timeouts));
}

std::string post_to_daemon(const Node& node, const std::string& target, const nlohmann::json& body) {
  return success(node, post_to_socket(node.admin_socket, target, body.dump()));
}

}  // namespace lonc::ctl
