// How lond answers `pong`: it asks the lonc of its own server whether the caller's server answers `ping`.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <string>

namespace lonc::standin {

// Sends `ping` to the UNIX socket and returns the answer; con_lost if there is none within 10 s.
boost::asio::awaitable<std::string> ask_own_lonc(std::string socket_path);

}  // namespace lonc::standin
