// The one error category of lonc. System errors (ECONNREFUSED, ...) keep their own category.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

namespace lonc::core {

enum class Errc {
  connect_timeout = 1,   // no TCP connection within connect-timeout
  name_not_found,        // the peer's name could not be resolved, and no earlier address is known
  handshake_refused,     // lond answered `refused`: it does not know our address
  handshake_wrong,       // the echoed challenge was not answered with `ok`
  handshake_silent,      // a step of the handshake was not answered within its deadline
  handshake_closed,      // lond closed the connection during the handshake
  handshake_too_long,    // a handshake line was longer than any lond sends
  handshake_garbage,     // a handshake line held bytes that no lond sends
  handshake_self,        // lond's answer to pong says that it is this server's own
  connection_closed,     // the peer closed an established connection
  path_silent,           // keep-alive or TCP_USER_TIMEOUT: nothing came back from the network
  request_timeout,       // the oldest request was not answered within request-timeout
  out_of_turn,           // the peer sent a line that no request had asked for, or left one out
  fence_unanswered,      // the peer does not answer the ping behind a request
  reply_too_long,        // a reply exceeded max-line-length
  reply_not_decodable,   // an `enc:` reply was malformed or decoded to something that is not a line
  close_requested,       // a local client asked for it with close_connection_exit
  idle,                  // a surplus connection had not been used for idle-timeout
  address_changed,       // the peer's name has other addresses now
  draining,              // the session is coming to its end
  exit_sent,             // `exit` was passed on; lond ends the connection after it
};

const std::error_category& lonc_category() noexcept;

inline std::error_code make_error_code(Errc error) noexcept { return {static_cast<int>(error), lonc_category()}; }

// lonc ended the connection itself, which says nothing about the peer or what was in flight.
bool is_own_doing(const std::error_code& error);

// What an administrator can do about a connection that ended with `error`; empty if there is nothing to say.
std::string remedy_for(const std::error_code& error);

// The same for the text that a status shows: the message of an error, which "(at STEP)" may follow.
std::string remedy_for_text(std::string_view text);

}  // namespace lonc::core

template <>
struct std::is_error_code_enum<lonc::core::Errc> : std::true_type {};
