// Goes to a peer's lond as lonc does, as far as the end of the handshake, and leaves. Asks nothing of it; `pong`, by
// which lond would call back, is not sent.
#pragma once

#include <lonc/net/executor.hpp>
#include <lonc/net/resolver.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <system_error>

namespace lonc::ctl {

struct LondPlace {
  std::string peer_id;
  std::string own_id;
  std::string name_or_address;
  std::uint16_t port = 0;
};

struct VisitResult {
  std::error_code error;  // a system error, or one of core::Errc
  std::string step;       // at which it happened: "name", "connect", "init", ...
};

// `place` outlives the visit; `timeout` is for each step.
net::Task<VisitResult> visit_lond(net::Resolver& resolver, const LondPlace& place, std::chrono::milliseconds timeout);

}  // namespace lonc::ctl
