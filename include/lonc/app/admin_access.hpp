// Where the admin socket is, and who has connected to it.
#pragma once

#include <lonc/app/settings.hpp>

#include <sys/types.h>

#include <optional>
#include <string>

namespace lonc::app {

// The setting admin-socket, or its default.
std::string admin_socket_path(const Settings& settings);

// The user at the other end of a connected UNIX socket, as the system knows it. Nothing if it does not.
std::optional<uid_t> user_of_peer(int fd);

// Whether the process at the other end belongs to the group, by its own group or one of its further ones.
bool is_peer_in_group(int fd, gid_t group);

// `own`: the daemon's.
constexpr bool may_administer(uid_t user, uid_t own) { return user == own || user == 0; }

}  // namespace lonc::app
