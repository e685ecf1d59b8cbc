// What an administrator can ask of the daemon: the interface for that, and the routes of the admin endpoint.
#pragma once

#include "daemon/admin/admin_api.hpp"
#include "daemon/peers/peer_fleet.hpp"
#include "daemon/status/snapshot.hpp"

#include <lonc/core/base/error.hpp>
#include <lonc/net/session/log_sink.hpp>
#include <lonc/net/spool/spooler.hpp>
#include <lonc/node/config/settings.hpp>

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace lonc::daemon {

// The peers that were named, or all peers.
struct PeerChoice {
  std::set<std::string> ids;
  bool is_all = false;
};

// The number of peers acted on. After an error, nothing was done.
struct PeersDone {
  std::size_t done = 0;
  std::string unknown{};  // an id that belongs to no peer
  bool is_stopping = false;
};

struct ReloadResult {
  std::string error;  // why nothing was changed; empty if the reload took effect
  std::vector<core::Problem> problems;
  std::size_t peers = 0;
  PeerFleet::Change change;
  std::vector<std::string> needs_restart;  // changed settings that keep their running value
};

// All functions may be called on any thread; completion handlers are called on any thread, too.
class DaemonControl {
 public:
  using PeersDoneHandler = std::function<void(const PeersDone&)>;
  using ReloadDone = std::function<void(const ReloadResult&)>;

  // Reports why the daemon is not ready; empty if it is. Runs on the event loop, so an answer proves that the loop
  // runs.
  virtual void ask_readiness(std::function<void(const std::string& why_not)> done) = 0;
  virtual void reconnect(PeerChoice choice, PeersDoneHandler done) = 0;
  virtual void drain(PeerChoice choice, PeersDoneHandler done) = 0;
  // `is_forced`: reload even if hosts.tab looks incomplete. `done` may be empty. It is called with the result of a
  // reload that started after this call; it is not called if the daemon stops.
  virtual void reload(bool is_forced, ReloadDone done) = 0;
  virtual core::Severity log_level() const = 0;
  // Applies until the next reload. Calls `done` when the level is in effect.
  virtual void set_log_level(core::Severity level, std::function<void()> done) = 0;

 protected:
  ~DaemonControl() = default;
};

// --- Everything that a route refers to must outlive the work it starts.

// Routes that change what the daemon does: /reconnect, /drain, /reload, /log-level.
void add_action_routes(AdminApi& api, DaemonControl& daemon);

// Read-only routes: the status, the page that shows it, the metrics, and the health of the daemon.
void add_status_routes(AdminApi& api, DaemonControl& daemon, RenderedCache& status, RenderedCache& metrics);

// Delayed messages: /queue/... `settings` is read on the board's strand.
void add_queue_routes(AdminApi& api, StatusBoard& board, net::Spooler& spooler, const node::Settings& settings,
                      net::LogSink& log);

}  // namespace lonc::daemon
