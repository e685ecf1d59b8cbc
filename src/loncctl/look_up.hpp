// Addresses of a server for a coroutine, within a time.
#pragma once

#include <lonc/net/executor.hpp>
#include <lonc/net/resolver.hpp>

#include <chrono>
#include <string>

namespace lonc::ctl {

// A numeric address is taken as it is. Errc::name_not_found also if the name service does not answer in time.
net::Task<net::Resolver::Answer> look_up(net::Resolver& resolver, std::string name, std::chrono::milliseconds timeout);

}  // namespace lonc::ctl
