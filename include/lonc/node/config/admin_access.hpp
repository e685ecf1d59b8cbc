// Where the admin endpoint listens: on its socket, and on a TCP address that only this machine can reach. Also
// determines who has connected.
#pragma once

#include <lonc/node/config/settings.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace lonc::node {

// The setting admin-socket, or its default.
std::string admin_socket_path(const Settings& settings);

// The user at the other end of a connected UNIX socket, as the kernel reports it. Nothing if it does not.
std::optional<uid_t> user_of_peer(int fd);

// Whether the group is the primary or a supplementary group of the process at the other end.
bool is_peer_in_group(int fd, gid_t group);

// `own`: the daemon's user.
constexpr bool may_administer(uid_t user, uid_t own) { return user == own || user == 0; }

// "127.0.0.1:9563" or "[::1]:9563". Nothing for any other form, and for an address that other machines can reach.
std::optional<boost::asio::ip::tcp::endpoint> parse_admin_address(std::string_view text);

// Whether a `Host:` header names this machine: localhost or a loopback address, with or without a port. Prevents DNS
// rebinding: a web page whose own name resolves to 127.0.0.1 must not read what is served here.
bool is_loopback_host(std::string_view host);

}  // namespace lonc::node
