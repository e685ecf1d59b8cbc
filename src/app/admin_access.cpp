#include <lonc/app/admin_access.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace lonc::app {

std::string admin_socket_path(const Settings& settings) {
  return settings.admin_socket.empty() ? settings.daemon_dir + "/logs/lonc.admin" : settings.admin_socket;
}

std::optional<uid_t> user_of_peer(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  return credentials.uid;
}

bool is_peer_in_group(int fd, gid_t group) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return false;
  if (credentials.gid == group) return true;
  socklen_t bytes = 0;
  std::vector<gid_t> groups;
  // The first call fails and tells how long the list is.
  while (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) != 0) {
    if (errno != ERANGE || bytes <= groups.size() * sizeof(gid_t)) return false;
    groups.resize(bytes / sizeof(gid_t));
  }
  groups.resize(bytes / sizeof(gid_t));
  return std::ranges::find(groups, group) != groups.end();
}

}  // namespace lonc::app
