// One GET from the web server of a host, without TLS. Follows nothing.
#pragma once

#include <lonc/net/executor.hpp>
#include <lonc/net/resolver.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <system_error>

namespace lonc::ctl {

struct WebServer {
  std::string name;     // as it is asked for
  std::string address;  // numeric; empty: that of the name
  std::uint16_t port = 80;
};

struct WebAnswer {
  std::error_code error;  // the server was not reached, or has not answered
  unsigned status = 0;
  std::string body;
  std::string date;      // of its clock, as the header tells it; empty if it does not
  std::string location;  // where it sends whoever asks; empty if it does not
};

// `server` outlives the call; `timeout` is for each step: name, connection, answer.
net::Task<WebAnswer> get_from_web(net::Resolver& resolver, const WebServer& server, std::string target,
                                  std::chrono::milliseconds timeout);

}  // namespace lonc::ctl
