// Addresses at which the admin endpoint may be reached over TCP: those of this machine alone.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <optional>
#include <string_view>

namespace lonc::app {

// "127.0.0.1:9563" or "[::1]:9563". Nothing if it is anything else, or an address that others can reach.
std::optional<boost::asio::ip::tcp::endpoint> parse_admin_address(std::string_view text);

// Whether a `Host:` names this machine: localhost, or a loopback address, with or without a port. A web page that has
// its own name resolved to 127.0.0.1 must not get at what is told here.
bool is_loopback_host(std::string_view host);

}  // namespace lonc::app
