// All peer sessions of the daemon: applies the differences to a new configuration, restarts sessions that die, and
// queries and stops all of them together. Makes no decisions about a single peer.
#pragma once

#include <lonc/net/session/peer_session.hpp>
#include <lonc/net/socket/executor.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::daemon {

// Must be called on `strand`; every callback is called there.
class PeerFleet {
 public:
  struct Change {
    std::size_t added = 0;
    std::size_t removed = 0;
    std::size_t moved = 0;     // another address
    std::size_t adjusted = 0;  // other new values
  };

  PeerFleet(boost::asio::io_context& io, const net::Strand& strand, const net::PeerServices& services)
      : io_(io), strand_(strand), services_(services) {}

  // Retries a socket that cannot be made. Throws std::system_error, with the path, if none can be made.
  void start(const std::vector<net::PeerConfig>& configs);

  // Sessions whose configuration did not change continue undisturbed; a session whose peer has moved keeps its clients.
  // Sessions of removed peers drain until `until`.
  Change apply(const std::vector<net::PeerConfig>& configs, core::TimePoint until);

  // Reconnects all peers that are not paused; returns their number.
  std::size_t reconnect();
  // For SIGUSR1: the same, but a dead peer is tried at most once a minute.
  void sweep();

  // --- single peers; ids that belong to no peer are ignored
  bool has(const std::string& id) const { return members_.contains(id); }
  // Reconnects the peer, even if it is paused.
  void resume(const std::string& id);
  // Pauses the peer until resume() or apply(), even if its session is recreated in the meantime. Requests in flight may
  // finish until `until`.
  void pause(const std::string& id, core::TimePoint until);

  // Peers whose socket cannot be made, or was gone at the last report and could not be recreated. It is retried.
  std::vector<std::string> without_socket() const;
  // Collects the reports of all peers, sorted by id, and recreates sockets that are gone. Asks a few peers at a time,
  // so that requests need not wait until all have answered.
  void report(std::function<void(std::vector<net::PeerReport>)> done);

  // Removes all sockets; from then on, everything not yet sent is answered con_lost. Sessions are no longer restarted.
  void stop_listening(std::function<void()> done);
  // Calls `done` when every session has ended. A second call can only bring the end forward.
  void drain(core::TimePoint until, std::function<void()> done);

  std::size_t size() const { return members_.size(); }

 private:
  struct Member {
    net::PeerConfig config;
    std::unique_ptr<net::PeerSession> session;  // null while it waits for its restart
    std::uint64_t generation = 0;  // of the session: reports from an earlier one are ignored
    core::TimePoint opened_at{};
    bool is_paused = false;
    unsigned restarts = 0;  // consecutive; each doubles the delay before the next
    std::optional<net::Timer> restart{};
  };

  struct ReportRound;

  void report_some(const std::shared_ptr<ReportRound>& round);
  void log_sockets(const std::vector<net::PeerReport>& reports);
  // Makes the session and its socket. Returns why it cannot; it is then tried again.
  std::exception_ptr open(Member& member);
  void open_and_start(Member& member);
  void retire(std::unique_ptr<net::PeerSession> session, core::TimePoint until);
  void session_failed(const std::string& id, std::uint64_t generation, const std::exception_ptr& error);
  void restart_later(Member& member);
  void log(core::Severity severity, std::string_view server, std::string_view status, const std::string& message);

  boost::asio::io_context& io_;
  net::Strand strand_;
  net::PeerServices services_;
  std::map<std::string, Member> members_;
  std::map<std::uint64_t, std::unique_ptr<net::PeerSession>> leaving_;  // until they have drained
  std::set<std::string> lost_sockets_;  // sessions whose socket has no name in the file system
  std::uint64_t last_generation_ = 0;
  bool is_stopping_ = false;
  bool is_draining_ = false;
  std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace lonc::daemon
