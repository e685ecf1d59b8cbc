// One local client: gives its lines to the peer session, one at a time, and writes the answers. Decides nothing.
#pragma once

#include <lonc/core/types.hpp>
#include <lonc/net/async_event.hpp>
#include <lonc/net/client_limit.hpp>
#include <lonc/net/executor.hpp>
#include <lonc/net/line_socket.hpp>
#include <lonc/net/turn.hpp>
#include <lonc/net/unique_fd.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

namespace lonc::net {

// Used on its strand only. Its task keeps it alive; who else holds it may let go after close().
class ClientSession : public std::enable_shared_from_this<ClientSession> {
 public:
  // Each line must be followed, during the call or later, by one reply() or close().
  struct Handler {
    virtual ~Handler() = default;
    virtual void client_line(core::ClientId client, std::string_view line) = 0;
    virtual void client_line_too_long(core::ClientId client) = 0;
    // The answer to its line has been written, as far as it could be.
    virtual void client_answered(core::ClientId client) = 0;
    // It closed its end or was closed for being slow. Not called after close().
    virtual void client_gone(core::ClientId client) = 0;
  };

  struct Limits {
    std::size_t line_length;
    core::Duration write_timeout;    // a client that takes nothing of its reply for so long is closed
    core::Duration refused_timeout;  // for a refused client to say its line
  };

  ClientSession(Strand strand, std::shared_ptr<Turn> turn, core::ClientId id, UniqueFd fd, ClientLimit::Slot slot,
                const Limits& limits, Handler& handler);

  // The whole life of the session. Exceptions of the handler come out of it.
  Task<void> run();

  void reply(std::string_view line);
  // The client sees an end of file after what has been written. The handler is not called any more.
  void close();

  core::ClientId id() const { return id_; }
  // A line was given to the handler and its reply is not fully written.
  bool is_busy() const { return is_busy_; }

 private:
  Task<void> write_rest();
  void give_line(const LineSocket::ReadResult& read);
  void refuse();
  void end_in(core::Duration time);

  Strand strand_;
  std::shared_ptr<Turn> turn_;
  core::ClientId id_;
  ClientLimit::Slot slot_;
  LineSocket socket_;
  Limits limits_;
  Handler* handler_;  // none after close()
  AsyncEvent answered_;
  std::optional<Timer> timer_;
  std::optional<core::TimePoint> end_at_;  // then the client is closed for being slow
  bool is_busy_ = false;
  bool is_broken_ = false;  // the reply could not be written
};

}  // namespace lonc::net
