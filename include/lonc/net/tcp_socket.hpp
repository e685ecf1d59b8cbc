// The few system calls that open a TCP connection to lond. Waits for nothing.
#pragma once

#include <lonc/net/keep_alive.hpp>
#include <lonc/net/unique_fd.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <system_error>

namespace lonc::net {

// Begins to connect. Without an error the result is connected or will be writable once that is decided.
UniqueFd begin_connect(const boost::asio::ip::tcp::endpoint& endpoint, std::error_code& error);

// What became of it, once it is writable.
std::error_code connect_result(int fd);

// No delay for small requests, and a silent path is noticed (see KeepAlive).
void set_connection_options(int fd, const KeepAlive& keep_alive);

}  // namespace lonc::net
