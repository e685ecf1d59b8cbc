// Clients for one request and its answer. HTTP: for lonc's admin socket and the web server of a host; no TLS, does not
// follow redirects. The line protocol, one line out, one line back: for a socket of lonc, as its clients use it, and
// for a peer's lond.
#pragma once

#include <lonc/core/hosts/host_table.hpp>
#include <lonc/net/peer/resolver.hpp>
#include <lonc/net/socket/executor.hpp>

#include <boost/asio/co_spawn.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <system_error>
#include <utility>

namespace lonc::ctl {

// Completion handler of a coroutine: rethrows its exception in the loop that runs it.
inline void rethrow(const std::exception_ptr& failure) {
  if (failure) std::rethrow_exception(failure);
}

// Runs a coroutine to its end, in a loop of its own, and returns its result. `wants_end`, if set, is polled; once it
// returns true, the coroutine is abandoned and `result` is returned.
template <typename Result>
Result run_to_end(net::Task<Result> task, const std::function<bool()>& wants_end = {}, Result result = {}) {
  constexpr std::chrono::milliseconds between_polls{50};
  boost::asio::io_context io;
  boost::asio::co_spawn(boost::asio::make_strand(io), std::move(task),
                        [&result](const std::exception_ptr& failure, Result value) {
                          rethrow(failure);
                          result = std::move(value);
                        });
  if (!wants_end) io.run();
  while (!io.stopped() && !wants_end()) io.run_for(between_polls);
  return result;
}

struct HttpAnswer {
  std::error_code error;  // the server was not reached or did not answer; timed_out if it took too long
  bool is_connected = false;
  unsigned status = 0;
  std::string body;
  std::string date;  // from the Date header, by the server's clock; empty if missing
  std::string location;  // the target of a redirect; empty if there is none
};

struct CallTimeouts {
  // Until the first byte of the answer, and between one byte and the next.
  std::chrono::milliseconds silence = std::chrono::seconds{5};
  // Polled if set; once it returns true, the call ends with operation_canceled.
  std::function<bool()> wants_end;
};

// Over the UNIX socket at `path`. A listener that does not accept the connection counts as a timeout.
HttpAnswer get_from_socket(const std::string& path, const std::string& target, const CallTimeouts& timeouts = {});

// POST with a JSON body. Waits slightly longer than lonc itself waits for its disk.
HttpAnswer post_to_socket(const std::string& path, const std::string& target, const std::string& body);

struct WebServer {
  std::string name;  // for the header
  std::string address;  // numeric; empty: look up the name
  std::uint16_t port = 80;
};

// `timeout` applies to each step: name, connection, answer.
net::Task<HttpAnswer> get_from_web(net::Resolver& resolver, WebServer server, std::string target,
                                   std::chrono::milliseconds timeout);

struct LineAnswer {
  // timed_out; value_too_large: the line is longer than allowed; anything else: the other side closed the connection.
  std::error_code error;
  bool is_connected = false;
  std::string line;  // without its line end
};

// Sends one request over the UNIX socket at `path`. `timeout` covers the whole call.
LineAnswer call_socket(const std::string& path, std::string line, std::size_t longest_answer,
                       std::chrono::milliseconds timeout);

struct VisitResult {
  std::error_code error;  // a system error, or one of core::Errc
  std::string step;  // the step that failed: "name", "connect", "init", ...
};

// Connects to a peer's lond as lonc does, performs the handshake and disconnects. Does not send `pong`, which would
// make lond call back. `host` and `own_id` must outlive the visit; `timeout` applies to each step.
net::Task<VisitResult> visit_lond(net::Resolver& resolver, const core::Host& host, std::uint16_t port,
                                  const std::string& own_id, std::chrono::milliseconds timeout);

}  // namespace lonc::ctl
