// One attempt to reach lond and the resulting TCP connection: carries lines both ways. core::PeerEngine decides what
// they mean and when to give up.
#pragma once

#include "net/peer/peer_address.hpp"
#include "net/socket/line_socket.hpp"
#include "net/socket/turn.hpp"

#include <lonc/core/base/types.hpp>
#include <lonc/net/client/client_limit.hpp>
#include <lonc/net/peer/connect_gate.hpp>
#include <lonc/net/settings.hpp>
#include <lonc/net/socket/executor.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>

namespace lonc::net {

// Used on its strand only. Its task keeps it alive; other owners may release it after close().
class LondConnection : public std::enable_shared_from_this<LondConnection> {
 public:
  // None of these is called from within a call of a LondConnection member, and none after close().
  struct Handler {
    virtual ~Handler() = default;
    // The attempt's turn has come and the address is known: the time allowed for the attempt begins.
    virtual void connection_started(core::ConnectionId connection) = 0;
    virtual void connection_trying(const PeerAddress::Endpoint& endpoint) = 0;
    virtual void connection_up(core::ConnectionId connection) = 0;
    virtual void line_received(core::ConnectionId connection, std::string_view line) = 0;
    // Everything received has been passed on; if `is_mid_line`, except for the beginning of a line. Returns how many
    // bytes of what was passed on are kept for now.
    virtual std::size_t received_all(core::ConnectionId connection, bool is_mid_line) = 0;
    // The last event: the connection could not be opened, or has ended.
    virtual void connection_closed(core::ConnectionId connection, std::error_code error) = 0;
  };

  struct Options {
    core::AttemptClass attempt;
    core::Duration resolve_timeout;
    KeepAlive keep_alive;
    core::Duration connect_timeout;  // for all addresses together; the engine enforces the total
  };

  LondConnection(Strand strand, core::ConnectionId id, std::shared_ptr<PeerAddress> address, ConnectGate& gate,
                 ClientLimit::Memory memory, const Options& options, Handler& handler);

  // The whole life of the connection. The handler's exceptions propagate out of it.
  Task<void> run();

  // Sends one line, or several separated by '\n', at once: no late answer to an earlier request may slip in between
  // check_quiet() and the sending. An error is reported as an event in a later turn.
  void write_lines(std::string_view lines);
  // Also marks the end of the handshake.
  void set_line_limit(std::size_t bytes);
  // See core::Effects.
  std::error_code check_quiet() const;
  void close();

  core::ConnectionId id() const { return id_; }
  // The endpoint that it is connected or connecting to; none before an address is known.
  const std::optional<PeerAddress::Endpoint>& endpoint() const { return endpoint_; }

 private:
  Task<void> wait_for_turn();
  void give_place_back() {
    ticket_.reset();
    place_timer_.reset();
  }
  Task<std::error_code> connect();
  Task<std::error_code> connect_to(const PeerAddress::Endpoint& endpoint, std::optional<core::Duration> limit);
  Task<void> guard(Task<void> loop);
  Task<void> read_lines();
  Task<std::error_code> wait_readable();
  Task<void> write_rest();
  void tell_received();
  void ended(std::error_code error);
  bool is_closed() const { return handler_ == nullptr; }

  Strand strand_;
  core::ConnectionId id_;
  std::shared_ptr<PeerAddress> address_;
  ConnectGate& gate_;
  Options options_;
  Handler* handler_;  // null after close() or the last event
  std::unique_ptr<ConnectGate::Ticket> ticket_;  // held until the handshake is over, or has taken a while
  std::unique_ptr<Timer> place_timer_;  // exists as long as the ticket
  std::optional<PeerAddress::Endpoint> endpoint_;
  bool is_proven_ = false;  // lond is there: the handshake is over
  ClientLimit::Memory memory_;  // for received data that is not handed out yet
  std::unique_ptr<LineSocket> socket_;  // null before there is something to connect
  AsyncEvent wake_;  // before it is up: the turn or the name; afterwards: data to write
  std::error_code write_error_;
  bool has_news_ = false;  // input that received_all() has not reported yet
  std::unique_ptr<Timer> pause_;  // exists while reading is paused
  std::exception_ptr failure_;  // of one of the two loops
};

}  // namespace lonc::net
