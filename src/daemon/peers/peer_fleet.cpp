#include "daemon/peers/peer_fleet.hpp"

#include <lonc/core/base/text.hpp>
#include <lonc/node/config/peer_configs.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <system_error>
#include <utility>

namespace lonc::daemon {

namespace {

using enum core::Severity;

constexpr std::chrono::seconds longest_restart_delay{60};
constexpr std::size_t reports_at_once = 64;

std::string describe(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    return core::escape_outside_text(exception.what());
  } catch (...) {
    return "unknown exception";
  }
}

// Restarts at once the first time, since clients need the socket; after that at growing intervals, since the cause of
// the failure may persist.
std::chrono::seconds restart_delay(unsigned restarts) {
  if (restarts == 0) return std::chrono::seconds::zero();
  return std::min(longest_restart_delay, std::chrono::seconds{1U << std::min(restarts - 1, 6U)});
}

// A failure that persists at the longest interval has been logged often enough.
core::Severity failure_severity(unsigned restarts) {
  return restart_delay(restarts) < longest_restart_delay ? critical : routine;
}

// Calls `done` on the strand.
core::Barrier make_barrier(const net::Strand& strand, std::function<void()> done) {
  return core::Barrier([strand, done = std::move(done)] { boost::asio::post(strand, done); });
}

}  // namespace

void PeerFleet::start(const std::vector<net::PeerConfig>& configs) {
  std::exception_ptr failure;
  bool is_any_open = false;
  for (const net::PeerConfig& config : configs) {
    Member& member = members_[config.engine.peer_id];
    member.config = config;
    if (const auto error = open(member)) failure = error;
    is_any_open = is_any_open || member.session;
  }
  // A single bad socket concerns only its peer. If there is no socket at all, the cause is a more general one.
  if (failure && !is_any_open) std::rethrow_exception(failure);
  // Started only now: a client that comes early finds a socket, and no connection is attempted before all sockets
  // exist.
  for (auto& [id, member] : members_) {
    if (member.session) member.session->start();
  }
}

PeerFleet::Change PeerFleet::apply(const std::vector<net::PeerConfig>& configs, core::TimePoint until) {
  Change change;
  std::set<std::string> wanted;
  for (const net::PeerConfig& config : configs) {
    const std::string& id = config.engine.peer_id;
    wanted.insert(id);
    const auto [at, is_new] = members_.try_emplace(id);
    Member& member = at->second;
    const net::PeerConfig before = std::exchange(member.config, config);
    member.restarts = 0;
    member.is_paused = false;
    if (is_new) {
      ++change.added;
    } else if (config.has_moved(before)) {
      ++change.moved;
    } else if (before != config) {
      ++change.adjusted;
    }
    if (member.session) {
      member.session->apply(config);  // even if unchanged: a peer that was given up is tried again
    } else if (is_new || before != config) {
      member.restart.reset();
      open_and_start(member);
    }
  }
  for (auto next = members_.begin(); next != members_.end();) {
    const auto at = next++;
    if (wanted.contains(at->first)) continue;
    retire(std::move(at->second.session), until);
    members_.erase(at);
    ++change.removed;
  }
  return change;
}

std::size_t PeerFleet::reconnect() {
  std::size_t count = 0;
  for (auto& [id, member] : members_) {
    if (member.is_paused) continue;
    ++count;
    if (member.session) member.session->resume();
  }
  return count;
}

void PeerFleet::sweep() {
  for (auto& [id, member] : members_) {
    if (member.session && !member.is_paused) member.session->reconnect();
  }
}

void PeerFleet::resume(const std::string& id) {
  const auto at = members_.find(id);
  if (at == members_.end()) return;
  at->second.is_paused = false;
  if (at->second.session) at->second.session->resume();
}

void PeerFleet::pause(const std::string& id, core::TimePoint until) {
  const auto at = members_.find(id);
  if (at == members_.end()) return;
  at->second.is_paused = true;
  if (at->second.session) at->second.session->pause(until);
}

std::vector<std::string> PeerFleet::without_socket() const {
  std::vector<std::string> ids;
  for (const auto& [id, member] : members_) {
    if (!member.session || lost_sockets_.contains(id)) ids.push_back(id);
  }
  return ids;
}

struct PeerFleet::ReportRound {
  std::vector<net::PeerReport> reports;
  std::function<void(std::vector<net::PeerReport>)> done;
};

void PeerFleet::report(std::function<void(std::vector<net::PeerReport>)> done) {
  const auto round = std::make_shared<ReportRound>();
  round->reports.reserve(members_.size());
  round->done = std::move(done);
  report_some(round);
}

// Peers may be added and removed between two calls.
void PeerFleet::report_some(const std::shared_ptr<ReportRound>& round) {
  auto& reports = round->reports;
  auto at = reports.empty() ? members_.begin() : members_.upper_bound(reports.back().status.peer_id);
  if (at == members_.end()) {
    log_sockets(reports);
    return round->done(std::move(reports));
  }
  const std::size_t first = reports.size();
  std::vector<net::PeerSession*> sessions;
  for (; at != members_.end() && sessions.size() != reports_at_once; ++at) {
    net::PeerReport& place = reports.emplace_back();
    place.status.peer_id = at->first;
    place.status.state = core::PeerState::stopped;
    place.status.text = "Waiting to be restarted after an internal error; see the log";
    place.name = at->second.config.name;
    sessions.push_back(at->second.session.get());
  }
  const auto barrier = make_barrier(strand_, [this, round] { report_some(round); });
  for (std::size_t i = 0; i != sessions.size(); ++i) {
    if (sessions[i] == nullptr) continue;
    sessions[i]->report([&place = reports[first + i], barrier](net::PeerReport report) { place = std::move(report); });
  }
}

// Logs one line for all peers: emptying the directory removes thousands of sockets. Logs a lasting failure only once.
void PeerFleet::log_sockets(const std::vector<net::PeerReport>& reports) {
  std::vector<std::string> made;
  std::vector<std::string> lost;
  std::string trouble;
  for (const net::PeerReport& report : reports) {
    const std::string& id = report.status.peer_id;
    if (report.socket.is_new) made.push_back(id);
    if (report.socket.trouble.empty()) continue;
    if (!lost_sockets_.contains(id) && trouble.empty()) trouble = report.socket.trouble;
    lost.push_back(id);
  }
  const auto warn = [this](const std::string& message) { log(warning, "PARENT", "Sockets", message); };
  if (!made.empty())
    warn((made.size() == 1 ? "The socket of " + made.front() + " was gone and has"
                           : "The sockets of " + core::listed(made) + " were gone and have") +
         " been created again; find out what removes them");
  if (!trouble.empty())
    warn("There is no socket for " + core::listed(lost) + ": " + core::escape_outside_text(trouble) +
         "; lonc tries again");
  lost_sockets_ = {lost.begin(), lost.end()};
}

void PeerFleet::stop_listening(std::function<void()> done) {
  is_stopping_ = true;
  const auto barrier = make_barrier(strand_, std::move(done));
  for (auto& [id, member] : members_) {
    member.restart.reset();
    if (member.session) member.session->stop_listening([barrier] {});
  }
}

void PeerFleet::drain(core::TimePoint until, std::function<void()> done) {
  is_stopping_ = true;
  for (auto& [id, member] : members_) {
    if (member.session) leaving_.emplace(++last_generation_, std::move(member.session));
  }
  members_.clear();
  is_draining_ = true;
  const auto barrier = make_barrier(strand_, std::move(done));
  for (auto& [key, session] : leaving_) session->drain(until, [barrier] {});
}

std::exception_ptr PeerFleet::open(Member& member) {
  const std::string id = member.config.engine.peer_id;
  const std::uint64_t generation = ++last_generation_;
  member.generation = generation;
  member.opened_at = std::chrono::steady_clock::now();
  try {
    member.session = std::make_unique<net::PeerSession>(
        io_, member.config, services_, random_(), [this, id, generation](std::exception_ptr error) {
          boost::asio::post(strand_, [this, id, generation, error] { session_failed(id, generation, error); });
        });
  } catch (const std::system_error& error) {
    log(failure_severity(member.restarts), id, "Restarting",
        "Can't make server socket: " + core::escape_outside_text(error.what()) + "; trying again in " +
            std::to_string(restart_delay(member.restarts).count()) + " s");
    restart_later(member);
    return std::current_exception();
  }
  return nullptr;
}

void PeerFleet::open_and_start(Member& member) {
  if (open(member)) return;
  member.session->start();
  if (member.is_paused) member.session->pause(member.opened_at);
}

void PeerFleet::retire(std::unique_ptr<net::PeerSession> session, core::TimePoint until) {
  if (!session) return;
  const std::uint64_t key = ++last_generation_;
  net::PeerSession& leaving = *leaving_.emplace(key, std::move(session)).first->second;
  leaving.drain(until, [this, key] {
    boost::asio::post(strand_, [this, key] {
      if (!is_draining_) leaving_.erase(key);
    });
  });
}

void PeerFleet::session_failed(const std::string& id, std::uint64_t generation, const std::exception_ptr& error) {
  const auto at = members_.find(id);
  const bool is_ours = at != members_.end() && at->second.generation == generation;
  if (is_ours && std::chrono::steady_clock::now() - at->second.opened_at > longest_restart_delay)
    at->second.restarts = 0;
  log(is_ours ? failure_severity(at->second.restarts) : critical, id, "Restarting",
      "ABNORMAL EXIT. Session for server [" + id + "] died through \"exception\" with parameter [" + describe(error) +
          "]");
  if (is_stopping_ || !is_ours) return;
  at->second.session.reset();
  restart_later(at->second);
}

void PeerFleet::restart_later(Member& member) {
  member.restart.emplace(strand_, restart_delay(member.restarts++));
  member.restart->async_wait([this, id = member.config.engine.peer_id](const boost::system::error_code& error) {
    const auto at = members_.find(id);
    if (error || is_stopping_ || at == members_.end() || at->second.session) return;
    open_and_start(at->second);
  });
}

void PeerFleet::log(core::Severity severity, std::string_view server, std::string_view status,
                    const std::string& message) {
  services_.log.write(severity, {.server = server, .status = status, .status_since = std::chrono::system_clock::now()},
                      message);
}

}  // namespace lonc::daemon
