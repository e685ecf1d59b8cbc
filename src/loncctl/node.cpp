#include "node.hpp"

#include "exit_code.hpp"
#include "table.hpp"

#include <lonc/app/admin_access.hpp>
#include <lonc/app/host_table_file.hpp>
#include <lonc/app/peer_configs.hpp>
#include <lonc/app/settings_loader.hpp>
#include <lonc/app/user_check.hpp>
#include <lonc/net/file_write.hpp>

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

namespace lonc::ctl {

Node find_node(const Options& options) {
  app::LoadedSettings loaded = app::load_settings(app::sources_of(options.settings));
  if (!loaded.is_usable()) {
    std::string text = "the settings can not be used:";
    for (const core::Problem& problem : loaded.problems) {
      if (problem.kind == core::Problem::Kind::error) text += "\n  " + core::to_string(problem);
    }
    throw Failure(ExitCode::unreachable, text);
  }
  return node_of(std::move(loaded.settings));
}

Node node_of(app::Settings settings) {
  Node node;
  node.delayed = app::spooler_options(settings).directory;
  node.admin_socket = app::admin_socket_path(settings);
  node.settings = std::move(settings);
  return node;
}

core::HostTable read_hosts(const app::Settings& settings) {
  app::HostTableFile file = app::read_host_table(settings);
  if (file.error)
    throw Failure(ExitCode::unreachable, file.path + " can not be read: " + file.error.message() + "; let " +
                                             settings.user + " read it, or correct tab-dir (lonTabDir)");
  return std::move(file.table);
}

const core::Host* find_host(const core::HostTable& hosts, const std::string& id) {
  const auto found = std::ranges::find(hosts.hosts, id, &core::Host::id);
  return found == hosts.hosts.end() ? nullptr : &*found;
}

void check_host(const app::Settings& settings, const std::string& id) {
  if (find_host(read_hosts(settings), id) == nullptr)
    throw Failure(ExitCode::no_match, "there is no host " + printable(id) + " that lonc serves in " + settings.tab_dir +
                                          "/hosts.tab; `loncctl hosts` lists them");
}

void become_owner(const std::string& directory) {
  struct stat info{};
  if (::stat(directory.c_str(), &info) != 0) {
    const std::error_code error = net::last_error();
    throw Failure(ExitCode::unreachable, "there are no delayed messages here: " + directory + ": " + error.message() +
                                             "; start lonc once, or correct socket-dir (lonSockDir)");
  }
  if (::geteuid() != 0 || info.st_uid == 0) return;
  const gid_t group = info.st_gid;
  if (::setgroups(1, &group) != 0 || ::setresgid(group, group, group) != 0 ||
      ::setresuid(info.st_uid, info.st_uid, info.st_uid) != 0)
    throw Failure(ExitCode::failed, "can not become the owner of " + directory + ": " + net::last_error().message());
}

void become_user(const std::string& name) {
  if (::geteuid() != 0) return;
  const std::optional<app::UserIds> ids = app::find_user(name);
  if (!ids || ids->user == 0) return;
  if (::initgroups(name.c_str(), ids->group) != 0 || ::setresgid(ids->group, ids->group, ids->group) != 0 ||
      ::setresuid(ids->user, ids->user, ids->user) != 0)
    throw Failure(ExitCode::failed, "can not become the user " + name + ": " + net::last_error().message());
}

}  // namespace lonc::ctl
