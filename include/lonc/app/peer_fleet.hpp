// All peer sessions of the daemon: brought in line with a configuration by difference, restarted when one dies,
// asked and stopped together. Decides nothing about a single peer.
#pragma once

#include <lonc/net/executor.hpp>
#include <lonc/net/peer_session.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <system_error>
#include <vector>

namespace lonc::app {

// Every call is made on `strand`, and every callback comes there.
class PeerFleet {
 public:
  struct Change {
    std::size_t added = 0;
    std::size_t removed = 0;
    std::size_t replaced = 0;  // another address, name or socket: a new session takes over the socket
    std::size_t adjusted = 0;  // same session, new values
  };

  PeerFleet(boost::asio::io_context& io, net::Strand strand, net::PeerServices services);

  // A socket that can not be made is tried again. Throws std::system_error, with the path, when none can.
  void start(const std::vector<net::PeerConfig>& configs);

  // Sessions that did not change go on undisturbed. Those that go drain until `until`.
  Change apply(const std::vector<net::PeerConfig>& configs, core::TimePoint until);

  // All but those that are paused; how many these are.
  std::size_t reconnect();

  // --- of single peers; ids that are no peers' are passed over
  bool has(const std::string& id) const { return members_.contains(id); }
  // Also of one that is paused.
  void resume(const std::string& id);
  // Until resume() or apply(), also if its session is made anew meanwhile. What is in flight has until `until`.
  void pause(const std::string& id, core::TimePoint until);

  // Peers whose socket can not be made, or was gone at the last report and could not be made anew; it is tried again.
  std::vector<std::string> without_socket() const;
  // Of all peers, sorted by id. Sockets that are gone are made anew meanwhile. They are asked a few at a time, so that
  // requests need not wait until all have answered.
  void report(std::function<void(std::vector<net::PeerReport>)> done);

  // Removes all sockets; then everything is answered con_lost. No session is restarted any more.
  void stop_listening(std::function<void()> done);
  // `done` when every session has ended. A second call only makes the end come sooner.
  void drain(core::TimePoint until, std::function<void()> done);

  std::size_t size() const { return members_.size(); }

 private:
  struct Member {
    net::PeerConfig config;
    std::unique_ptr<net::PeerSession> session;  // null while it waits to be restarted
    std::uint64_t generation = 0;  // of the session: what an earlier one still says is ignored
    core::TimePoint opened_at{};
    bool is_paused = false;
    unsigned restarts = 0;  // in a row; each doubles the delay before the next
  };

  struct ReportRound;

  void report_some(const std::shared_ptr<ReportRound>& round);
  void tell_of_sockets(const std::vector<net::PeerReport>& reports);
  void open(Member& member);
  void open_or_retry(const std::string& id);
  void open_failed(Member& member, const std::system_error& error);
  static core::Severity failure_severity(const Member& member);
  void retire(std::unique_ptr<net::PeerSession> session, core::TimePoint until);
  void session_failed(const std::string& id, std::uint64_t generation, const std::exception_ptr& error);
  void restart_later(const std::string& id);
  static std::chrono::seconds restart_delay(unsigned restarts);
  void log(core::Severity severity, const std::string& id, const std::string& message);

  boost::asio::io_context& io_;
  net::Strand strand_;
  net::PeerServices services_;
  std::map<std::string, Member> members_;
  std::map<std::uint64_t, std::unique_ptr<net::PeerSession>> leaving_;  // until they have drained
  std::map<std::string, net::Timer> restarts_;
  std::set<std::string> lost_sockets_;  // of the sessions that have no name in the file system
  std::uint64_t last_generation_ = 0;
  bool is_stopping_ = false;
  bool is_draining_ = false;
  std::mt19937_64 random_;
};

}  // namespace lonc::app
