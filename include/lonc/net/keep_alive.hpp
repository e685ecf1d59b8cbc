// How a lond connection finds out that the path has gone silent. Only the values.
#pragma once

#include <lonc/core/types.hpp>

#include <chrono>

namespace lonc::net {

struct KeepAlive {
  core::Duration idle = std::chrono::seconds{60};      // then the first probe is sent
  core::Duration interval = std::chrono::seconds{10};  // between probes
  unsigned count = 3;                                  // unanswered probes that end the connection
  core::Duration user_timeout = std::chrono::seconds{30};  // bytes that nobody acknowledged for so long end it too

  bool operator==(const KeepAlive&) const = default;
};

}  // namespace lonc::net
