#include <lonc/node/config/admin_access.hpp>

#include <lonc/core/base/text.hpp>

#include <boost/asio/ip/address.hpp>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace lonc::node {

namespace {

std::optional<ucred> credentials_of_peer(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  return credentials;
}

struct HostAndPort {
  std::string host;
  std::string_view port;
};

// "HOST:PORT" or "HOST". A HOST with colons in it is written "[ADDRESS]".
std::optional<HostAndPort> split(std::string_view text) {
  const bool is_bracketed = text.starts_with('[');
  const auto end = is_bracketed ? text.find(']') : std::min(text.find(':'), text.size());
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(is_bracketed ? end + 1 : end);
  if (!rest.empty() && rest[0] != ':') return std::nullopt;
  return HostAndPort{std::string(is_bracketed ? text.substr(1, end - 1) : text.substr(0, end)),
                     rest.substr(std::min<std::size_t>(rest.size(), 1))};
}

std::optional<boost::asio::ip::address> loopback_address(const std::string& host, bool is_v6) {
  boost::system::error_code error;
  auto address = boost::asio::ip::make_address(host, error);
  if (error || !address.is_loopback() || address.is_v6() != is_v6) return std::nullopt;
  return address;
}

}  // namespace

std::string admin_socket_path(const Settings& settings) {
  return settings.admin_socket.empty() ? settings.daemon_dir + "/logs/lonc.admin" : settings.admin_socket;
}

std::optional<uid_t> user_of_peer(int fd) {
  const auto credentials = credentials_of_peer(fd);
  return credentials ? std::optional(credentials->uid) : std::nullopt;
}

bool is_peer_in_group(int fd, gid_t group) {
  const auto credentials = credentials_of_peer(fd);
  if (!credentials) return false;
  if (credentials->gid == group) return true;
  socklen_t bytes = 0;
  std::vector<gid_t> groups;
  // The first call fails and returns the length of the list.
  while (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) != 0) {
    if (errno != ERANGE || bytes <= groups.size() * sizeof(gid_t)) return false;
    groups.resize(bytes / sizeof(gid_t));
  }
  groups.resize(bytes / sizeof(gid_t));
  return std::ranges::find(groups, group) != groups.end();
}

std::optional<boost::asio::ip::tcp::endpoint> parse_admin_address(std::string_view text) {
  const auto parts = split(text);
  if (!parts) return std::nullopt;
  const auto address = loopback_address(parts->host, text.starts_with('['));
  const auto port = core::number_in<std::uint16_t>(parts->port).value_or(0);
  if (!address || port == 0) return std::nullopt;
  return boost::asio::ip::tcp::endpoint(*address, port);
}

bool is_loopback_host(std::string_view host) {
  const auto parts = split(host);
  if (!parts || (!parts->port.empty() && !core::number_in<std::uint64_t>(parts->port))) return false;
  return core::to_lower(parts->host) == "localhost" || loopback_address(parts->host, host.starts_with('[')).has_value();
}

}  // namespace lonc::node
