// What goes wrong, and what an administrator can do about it: error codes, and findings about configuration files.
#pragma once

#include <cstddef>
#include <string>
#include <system_error>

namespace lonc::core {

// lonc's only error category. System errors (ECONNREFUSED, ...) keep their own category.
enum class Errc {
  connect_timeout = 1,   // no TCP connection within connect-timeout
  name_not_found,        // the peer's name could not be resolved, and no earlier address is known
  handshake_refused,     // lond answered `refused`: it does not know our address
  handshake_wrong,       // the echoed challenge was not answered with `ok`
  handshake_silent,      // a step of the handshake was not answered within its deadline
  handshake_closed,      // lond closed the connection during the handshake
  handshake_too_long,    // a line of the handshake was longer than any that lond sends
  handshake_garbage,     // a line of the handshake contained bytes that lond never sends
  handshake_self,        // lond's answer to pong says that it is this server's own lond
  connection_closed,     // the peer closed an established connection
  path_silent,           // keep-alive or TCP_USER_TIMEOUT: nothing was received from the network
  request_timeout,       // the oldest request was not answered within request-timeout
  out_of_turn,           // the peer sent a line that no request had asked for, or omitted one
  fence_unanswered,      // the peer does not answer the ping that follows a request
  reply_too_long,        // a reply exceeded max-line-length
  no_memory_for_reply,   // the replies received so far exceed what is left of max-client-memory
  reply_not_decodable,   // an `enc:` reply was malformed or decoded to something that is not a line
  close_requested,       // a local client asked for it with close_connection_exit
  idle,                  // a surplus connection had not been used for idle-timeout
  address_changed,       // the peer's name now has other addresses
  draining,              // the session is ending
  exit_sent,             // `exit` was passed on; lond closes the connection after it
};

const std::error_category& lonc_category() noexcept;

inline std::error_code make_error_code(Errc error) noexcept { return {static_cast<int>(error), lonc_category()}; }

// lonc ended the connection itself. This says nothing about the peer or about what was in flight.
bool is_own_doing(const std::error_code& error);

// What an administrator can do about a connection that ended with `error`. Empty if there is nothing to suggest.
std::string remedy_for(const std::error_code& error);

// A finding about a configuration file, reported to the administrator as file, line, text and remedy.
struct Problem {
  enum class Kind {
    note,     // worth knowing, nothing to do
    warning,  // lonc continues, but probably not as intended
    error,    // this line or setting cannot be used
  };
  Kind kind = Kind::error;
  std::string file;      // as given by the caller; empty if it is about the command line or no file
  std::size_t line = 0;  // from 1; 0 if the finding is about the whole file
  std::string text;  // text from outside is already escaped in it, for the log as well
  std::string remedy;
};

// "FILE:LINE: warning: TEXT; REMEDY", without the parts that are empty.
std::string to_string(const Problem& problem);

}  // namespace lonc::core

template <>
struct std::is_error_code_enum<lonc::core::Errc> : std::true_type {};
