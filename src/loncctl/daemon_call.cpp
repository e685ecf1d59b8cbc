#include "daemon_call.hpp"

#include "table.hpp"

#include <lonc/app/process_info.hpp>
#include <lonc/app/read_file.hpp>
#include <lonc/app/user_check.hpp>

#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

namespace lonc::ctl {

namespace {

std::string lonc_says(const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object() || !json.contains("error") || !json["error"].is_string())
    return "lonc refuses, and gives no reason";
  std::string text = "lonc says: " + printable(json["error"].get<std::string>());
  if (!json.contains("problems") || !json["problems"].is_array()) return text;
  for (const auto& problem : json["problems"]) {
    if (problem.is_string()) text += "\n  " + printable(problem.get<std::string>());
  }
  return text;
}

std::string not_yours(const Node& node) {
  struct stat info{};
  std::string text = "the admin socket " + node.admin_socket + " is not yours";
  if (::stat(node.admin_socket.c_str(), &info) == 0) text += ": it belongs to " + app::user_name(info.st_uid);
  text += ", and you are " + app::user_name(::geteuid()) + "; call loncctl as " + node.settings.user + " or root";
  if (!node.settings.admin_group.empty())
    text += ", or, to look only, as a member of the group " + node.settings.admin_group;
  return text;
}

std::string is_down(const Node& node) {
  return "lonc does not run: nobody listens at its admin socket " + node.admin_socket +
         "; start it, with `systemctl start lonc` or as " + node.settings.user +
         " with `lonc --daemonize`. Why it ended stands in " + node.settings.daemon_dir +
         "/logs/lonc.log. If it does run, it has other settings: give loncctl the same options";
}

// It listens, but says nothing: what has become of the process that the pid file names. Such a lonc is hardly seen
// where systemd looks after it, and long where it does not.
std::string hangs(const Node& node) {
  const std::string pid_file = node.settings.daemon_dir + "/logs/lonc.pid";
  const std::string text = "lonc does not answer in time at its admin socket " + node.admin_socket;
  const std::string by_hand = "systemd's watchdog ends it within a minute; without systemd, end it by hand: ";
  std::string number;
  pid_t pid = 0;
  if (!app::read_file(pid_file, number)) std::from_chars(number.data(), number.data() + number.size(), pid);
  const auto process = app::find_process(pid);
  if (!process)
    return text + ", and its pid file " + pid_file + " names no process; " + by_hand + "find it with `fuser " +
           node.admin_socket + "`";
  const std::string what =
      text + ": process " + std::to_string(pid) + " (" + printable(process->name) + ") of its pid file " + pid_file;
  if (process->is_stopped)
    return what + " is stopped, by a signal or a debugger; let it go on with `kill -CONT " + std::to_string(pid) +
           "`, or systemd's watchdog ends it";
  return what + " hangs, or is overloaded; try again; if it hangs, " + by_hand + "kill -KILL " + std::to_string(pid) +
         ", and start it anew";
}

}  // namespace

bool is_nobody_there(const AdminResponse& response) {
  return !response.is_connected &&
         (response.error == std::errc::no_such_file_or_directory || response.error == std::errc::connection_refused);
}

Failure not_reached(const Node& node, const AdminResponse& response) {
  if (response.error == std::errc::permission_denied) return {ExitCode::unreachable, not_yours(node)};
  if (is_nobody_there(response)) return {ExitCode::unreachable, is_down(node)};
  if (response.error == std::errc::timed_out) return {ExitCode::unreachable, hangs(node)};
  return {ExitCode::unreachable, "lonc does not answer at its admin socket " + node.admin_socket + ": " +
                                     response.error.message() +
                                     (response.is_connected ? "; it was ended, or is overloaded: try again" : "")};
}

Failure refused(const AdminResponse& response) {
  const bool is_out_of_reach = response.status == 503 || response.status == 504 || response.status == 403;
  if (response.status == 404) return {ExitCode::no_match, lonc_says(response.body)};
  return {is_out_of_reach ? ExitCode::unreachable : ExitCode::failed, lonc_says(response.body)};
}

std::string success(const Node& node, AdminResponse response) {
  if (response.error) throw not_reached(node, response);
  if (response.status != 200) throw refused(response);
  return std::move(response.body);
}

std::string get_from_daemon(const Node& node, const std::string& target, const Patience& patience) {
  return success(node, get_from_admin(node.admin_socket, target, patience));
}

std::string post_to_daemon(const Node& node, const std::string& target, const nlohmann::json& body) {
  return success(node, post_to_admin(node.admin_socket, target, body.dump()));
}

}  // namespace lonc::ctl
