#include <lonc/app/admin_access.hpp>

#include <sys/socket.h>

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

}  // namespace lonc::app
