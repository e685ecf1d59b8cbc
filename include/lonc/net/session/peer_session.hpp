// One running peer on its strand: its UNIX socket, its clients, its engine and its connections to lond.
#pragma once

#include <lonc/net/reports.hpp>
#include <lonc/net/settings.hpp>

#include <boost/asio/io_context.hpp>

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

// Notified, on the strand of a session, when the state of its peer has changed.
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

// The owner's side of a session. Every call may be made from any thread and takes effect on the session's strand. The
// callbacks run on the strand, too; none begins after the destructor. The part that lives on the strand ends a little
// later, with the last handler that runs there. An io_context must outlive its sessions.
class PeerSession {
 public:
  // `failed` is called when an exception has ended the session: it has released its socket and its connections, its
  // clients have been closed, and it must be replaced.
  using FailedHandler = std::function<void(std::exception_ptr)>;

  // Binds and listens on the socket before it returns. Throws std::system_error if it cannot.
  PeerSession(boost::asio::io_context& io, PeerConfig config, const PeerServices& services, std::uint64_t seed,
              FailedHandler failed);
  ~PeerSession();
  PeerSession(const PeerSession&) = delete;
  PeerSession& operator=(const PeerSession&) = delete;

  void start();
  // Like the engine's reconnect(): for SIGUSR1. The name of a connected peer is looked up again, too.
  void reconnect();
  // See core::PeerEngine. The socket stays, and requests on it are answered with con_lost.
  void pause(core::TimePoint until);
  void resume();
  // Applies new values for the same peer: those of the engine at once, keep-alive and resolve-timeout from the next
  // connection, the clients' max-line-length and write timeout (which is request-timeout) from the next client. If the
  // address or port changes, or the name if that is looked up, requests in flight at the old place finish there and
  // everything else goes to the new one. The id and the socket remain those of the constructor.
  void apply(PeerConfig config);
  // Removes the socket if it is still ours, closes the listener and answers con_lost to accepted requests that have not
  // been sent yet, and to all later ones. Requests in flight continue until drain().
  void stop_listening(std::function<void()> done);
  // Stops listening, lets requests in flight finish until `until`, gives clients their answers and closes everything;
  // then calls `done`. A failed session calls it, too. May be called again with another `until`.
  void drain(core::TimePoint until, std::function<void()> done);
  // Also checks the socket: if its name is gone, it is created again.
  void report(std::function<void(PeerReport)> done);

 private:
  class Impl;  // on the strand

  template <typename Action>
  void on_strand(Action action);
  // Does nothing if the session has ended; an exception ends it.
  template <typename Action>
  void on_strand_guarded(Action action);

  const std::shared_ptr<Impl> impl_;
};

}  // namespace lonc::net
