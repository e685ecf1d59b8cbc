#include "node.hpp"

#include "exit_code.hpp"

#include <lonc/app/admin_access.hpp>
#include <lonc/app/peer_configs.hpp>
#include <lonc/app/settings_loader.hpp>
#include <lonc/net/file_write.hpp>

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

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
  Node node;
  node.delayed = app::spooler_options(loaded.settings).directory;
  node.admin_socket = app::admin_socket_path(loaded.settings);
  node.settings = std::move(loaded.settings);
  return node;
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

}  // namespace lonc::ctl
