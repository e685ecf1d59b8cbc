// What a stand-in host does wrong during the handshake of a connection.
#pragma once

#include <optional>
#include <string_view>

namespace lonc::standin {

enum class Fault {
  none,
  refuse,         // `refused` instead of a challenge, then closed
  wrong,          // the echoed challenge is answered with something other than `ok`
  silent_init,    // init is read and never answered
  silent_ok,      // the echoed challenge is never answered
  silent_pong,    // pong is never answered
  silent_ekey,    // ekey is never answered
  close_init,     // closed when init has been read
  close_ok,       // closed when the echoed challenge has been read
  close_pong,     // closed when pong has been read
  close_ekey,     // closed when ekey has been read
  overlong,       // the challenge has 100,000 digits
  garbage,        // the challenge is random bytes
  garbage_ekey,   // the build key is random bytes
  wrong_id,       // pong is answered by `another-host:CLIENT`
  drip,           // each answer is sent byte by byte: slow, but correct
  accept_only,    // the connection is accepted, nothing is read
};

// By the name on the command line: `silent-init`.
std::optional<Fault> parse_fault(std::string_view name);

}  // namespace lonc::standin
