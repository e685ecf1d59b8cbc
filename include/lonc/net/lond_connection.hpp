// One attempt to reach lond and the TCP connection that comes of it: carries lines both ways. What they mean and
// when to give up is decided by core::PeerEngine.
#pragma once

#include <lonc/core/types.hpp>
#include <lonc/net/async_event.hpp>
#include <lonc/net/connect_gate.hpp>
#include <lonc/net/executor.hpp>
#include <lonc/net/keep_alive.hpp>
#include <lonc/net/line_socket.hpp>
#include <lonc/net/peer_address.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>

namespace lonc::net {

// Used on its strand only. Its task keeps it alive; who else holds it may let go after close().
class LondConnection : public std::enable_shared_from_this<LondConnection> {
 public:
  // None of these is called from within a call of a LondConnection's member, and none after close().
  struct Handler {
    virtual ~Handler() = default;
    // The turn has come and the address is known: the time allowed for the attempt begins.
    virtual void connection_started(core::ConnectionId connection) = 0;
    virtual void connection_trying(const PeerAddress::Endpoint& endpoint) = 0;
    virtual void connection_up(core::ConnectionId connection) = 0;
    // The last event, if it was not up.
    virtual void connection_failed(core::ConnectionId connection, std::error_code error) = 0;
    virtual void line_received(core::ConnectionId connection, std::string_view line) = 0;
    // All that has come was given; `is_mid_line`: but for the beginning of a line.
    virtual void received_all(core::ConnectionId connection, bool is_mid_line) = 0;
    // The last event, if it was up.
    virtual void connection_closed(core::ConnectionId connection, std::error_code error) = 0;
  };

  struct Options {
    core::AttemptClass attempt;
    std::size_t line_limit;
    core::Duration resolve_timeout;
    KeepAlive keep_alive;
    core::Duration connect_timeout;  // for all addresses together; the engine watches over the whole of it
  };

  LondConnection(Strand strand, core::ConnectionId id, std::shared_ptr<PeerAddress> address, ConnectGate& gate,
                 const Options& options, Handler& handler);

  // The whole life of the connection. Exceptions of the handler come out of it.
  Task<void> run();

  // One line, or several with '\n' between them, at once: between check_quiet() and the sending nothing that came too
  // late for an earlier request may slip in. An error is an event of a later turn.
  void write_lines(std::string_view lines);
  // The handshake is over with this.
  void set_line_limit(std::size_t bytes);
  // See core::Effects.
  std::error_code check_quiet() const;
  void close();

  core::ConnectionId id() const { return id_; }
  // Where it is connected to, or is being; none before an address is known.
  const std::optional<PeerAddress::Endpoint>& endpoint() const { return endpoint_; }

 private:
  class Pause;

  Task<void> wait_for_turn();
  void give_place_back();
  Task<std::error_code> connect();
  Task<std::error_code> connect_to(const PeerAddress::Endpoint& endpoint, std::optional<core::Duration> limit);
  Task<void> guard(Task<void> loop);
  Task<void> read_lines();
  Task<std::error_code> wait_readable();
  Task<void> write_rest();
  void give_line(std::string_view line);
  void tell_received();
  void ended(std::error_code error);
  bool is_closed() const { return handler_ == nullptr; }

  Strand strand_;
  core::ConnectionId id_;
  std::shared_ptr<PeerAddress> address_;
  ConnectGate& gate_;
  Options options_;
  Handler* handler_;  // none after close() or the last event
  ConnectGate::Ticket ticket_;  // until the handshake is over, or has taken a while
  std::unique_ptr<Timer> place_timer_;  // as long as the ticket
  std::optional<PeerAddress::Endpoint> endpoint_;
  bool is_proven_ = false;  // lond is there: the handshake is over
  std::unique_ptr<LineSocket> socket_;  // none before there is something to connect
  AsyncEvent wake_;  // before it is up: the turn, the name; afterwards: something to write
  std::error_code write_error_;
  bool has_news_ = false;  // lines or bytes came that received_all() has not been told of
  Timer* pause_ = nullptr;  // while reading waits for time to go by
  std::exception_ptr failure_;  // of one of the two loops
};

}  // namespace lonc::net
