// One peer at work on its strand: its UNIX socket, its clients, its engine and its connections to lond.
#pragma once

#include <lonc/core/peer_settings.hpp>
#include <lonc/net/keep_alive.hpp>
#include <lonc/net/peer_report.hpp>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>

namespace lonc::net {

class LogSink;
class ConnectGate;
class ClientLimit;
class Resolver;
class Spooler;

struct PeerConfig {
  core::PeerSettings engine;
  std::string name;     // DNS name; resolved at each attempt if `address` is empty
  std::string address;  // numeric
  std::uint16_t port = 0;
  core::Duration resolve_timeout = std::chrono::seconds{5};
  core::Duration look_again = std::chrono::minutes{3};  // on average; while connected, whether the name moved
  KeepAlive keep_alive;
  std::string socket_path;
  unsigned socket_mode = 0600;
  std::string socket_group;

  bool operator==(const PeerConfig&) const = default;
};

// Told on the strand of a session that its peer is in another state.
class StateObserver {
 public:
  virtual ~StateObserver() = default;
  virtual void state_changed() = 0;
};

// What all sessions share. All outlive the sessions and may be used from any thread.
struct PeerServices {
  LogSink& log;
  Resolver& resolver;
  ConnectGate& gate;
  ClientLimit& client_limit;
  Spooler& spooler;
  StateObserver* observer = nullptr;  // may be null
};

// Every call may be made from any thread; it takes effect on the session's strand, and so do the callbacks, of which
// none begins after the destructor. An io_context must outlive its sessions.
class PeerSession {
 public:
  // `failed` is told when an exception ended the session: it has released its socket and its connections, its
  // clients have been closed, and it must be replaced.
  using FailedHandler = std::function<void(std::exception_ptr)>;

  // Binds and listens on the socket before it returns. Throws std::system_error if it can not.
  PeerSession(boost::asio::io_context& io, PeerConfig config, const PeerServices& services, std::uint64_t seed,
              FailedHandler failed);
  ~PeerSession();
  PeerSession(const PeerSession&) = delete;
  PeerSession& operator=(const PeerSession&) = delete;

  void start();
  // As the engine's; the name of a peer that is connected is looked up again, too.
  void reconnect();
  // See core::PeerEngine. The socket stays, and what is asked there is answered con_lost.
  void pause(core::TimePoint until);
  void resume();
  // New values for the same peer: those of the engine at once, keep-alive and resolve-timeout from the next
  // connection, max-line-length of clients and the time allowed for writing to them (it is request-timeout) from the
  // next client. Name, address, port and socket are those of the constructor: if they change, the session is replaced.
  void apply(PeerConfig config);
  // Removes the socket if it is still ours, closes the listener and answers con_lost to accepted requests that have
  // not been sent yet, and to all that come later. What is in flight goes on, until drain().
  void stop_listening(std::function<void()> done);
  // Stops listening, lets what is in flight end until `until`, gives clients their answers and closes everything;
  // then calls `done`. A session that has failed calls it too. May be called again with another `until`.
  void drain(core::TimePoint until, std::function<void()> done);
  // Whoever asks has the socket looked after: if its name is gone, it is made anew.
  void report(std::function<void(PeerReport)> done);
  // Another session is about to take the socket's name; this one does not look after it any more.
  void leave_socket();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace lonc::net
