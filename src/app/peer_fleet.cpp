#include <lonc/app/peer_fleet.hpp>

#include <lonc/app/peer_configs.hpp>
#include <lonc/core/text.hpp>
#include <lonc/net/log_sink.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <memory>
#include <system_error>
#include <utility>

namespace lonc::app {

namespace {

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

// Each of several callbacks holds a copy: `done` comes on the strand when the last one is gone, be it that it was
// called or that its session was dropped before.
std::shared_ptr<void> when_last_is_gone(const net::Strand& strand, std::function<void()> done) {
  return {nullptr, [strand, done = std::move(done)](void*) { boost::asio::post(strand, done); }};
}

}  // namespace

PeerFleet::PeerFleet(boost::asio::io_context& io, net::Strand strand, net::PeerServices services)
    : io_(io), strand_(std::move(strand)), services_(services), random_(std::random_device{}()) {}

void PeerFleet::start(const std::vector<net::PeerConfig>& configs) {
  std::exception_ptr failure;
  std::size_t opened = 0;
  for (const net::PeerConfig& config : configs) {
    Member& member = members_[config.engine.peer_id];
    member.config = config;
    try {
      open(member);
      ++opened;
    } catch (const std::system_error& error) {
      failure = std::current_exception();
      open_failed(member, error);
    }
  }
  // One bad socket is a matter of that peer; if there is none at all, the cause is another.
  if (failure && opened == 0) std::rethrow_exception(failure);
  // Only now: a client that comes early finds a socket, and no attempt runs before all of them are there.
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
    if (!is_new && member.session && !needs_new_session(before, config)) {
      member.session->apply(config);  // also if nothing changed: a peer that was given up is tried again
      if (before != config) ++change.adjusted;
      continue;
    }
    if (!is_new && before == config) continue;  // it waits to be restarted
    // The new session's socket takes the place of the old one's without a moment in which there is none.
    std::unique_ptr<net::PeerSession> old = std::move(member.session);
    if (old) old->leave_socket();
    restarts_.erase(id);
    open_or_retry(id);
    retire(std::move(old), until);
    ++(is_new ? change.added : change.replaced);
  }
  for (auto at = members_.begin(); at != members_.end();) {
    if (wanted.contains(at->first)) {
      ++at;
      continue;
    }
    retire(std::move(at->second.session), until);
    restarts_.erase(at->first);
    at = members_.erase(at);
    ++change.removed;
  }
  return change;
}

std::size_t PeerFleet::reconnect() {
  std::size_t count = 0;
  for (auto& [id, member] : members_) {
    if (member.is_paused) continue;
    ++count;
    if (member.session) member.session->reconnect();
  }
  return count;
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

// Peers may come and go between two calls.
void PeerFleet::report_some(const std::shared_ptr<ReportRound>& round) {
  auto& reports = round->reports;
  auto at = reports.empty() ? members_.begin() : members_.upper_bound(reports.back().status.peer_id);
  if (at == members_.end()) {
    tell_of_sockets(reports);
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
  const auto token = when_last_is_gone(strand_, [this, round] { report_some(round); });
  for (std::size_t i = 0; i != sessions.size(); ++i) {
    if (sessions[i] == nullptr) continue;
    sessions[i]->report([&place = reports[first + i], token](net::PeerReport report) { place = std::move(report); });
  }
}

// One line for all: whoever empties the directory takes thousands. What lasts is told once.
void PeerFleet::tell_of_sockets(const std::vector<net::PeerReport>& reports) {
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
  const auto tell = [this](const std::string& message) {
    services_.log.write(core::Severity::warning,
                        {.server = "PARENT", .status = "Sockets", .status_since = std::chrono::system_clock::now()},
                        message);
  };
  if (!made.empty())
    tell((made.size() == 1 ? "The socket of " + made.front() + " was gone and has"
                           : "The sockets of " + core::listed(made) + " were gone and have") +
         " been made anew; whoever removes them should leave them alone");
  if (!trouble.empty())
    tell("There is no socket for " + core::listed(lost) + ": " + core::escape_outside_text(trouble) +
         "; it is tried again");
  lost_sockets_ = {lost.begin(), lost.end()};
}

void PeerFleet::stop_listening(std::function<void()> done) {
  is_stopping_ = true;
  restarts_.clear();
  const auto token = when_last_is_gone(strand_, std::move(done));
  for (auto& [id, member] : members_) {
    if (member.session) member.session->stop_listening([token] {});
  }
}

void PeerFleet::drain(core::TimePoint until, std::function<void()> done) {
  is_stopping_ = true;
  restarts_.clear();
  for (auto& [id, member] : members_) {
    if (member.session) leaving_.emplace(++last_generation_, std::move(member.session));
  }
  members_.clear();
  is_draining_ = true;
  const auto token = when_last_is_gone(strand_, std::move(done));
  for (auto& [key, session] : leaving_) session->drain(until, [token] {});
}

void PeerFleet::open(Member& member) {
  const std::string id = member.config.engine.peer_id;
  const std::uint64_t generation = ++last_generation_;
  member.generation = generation;
  member.opened_at = std::chrono::steady_clock::now();
  member.session = std::make_unique<net::PeerSession>(
      io_, member.config, services_, random_(), [this, id, generation](std::exception_ptr error) {
        boost::asio::post(strand_, [this, id, generation, error] { session_failed(id, generation, error); });
      });
}

void PeerFleet::open_or_retry(const std::string& id) {
  Member& member = members_.at(id);
  try {
    open(member);
    member.session->start();
    if (member.is_paused) member.session->pause(member.opened_at);
  } catch (const std::system_error& error) {
    open_failed(member, error);
  }
}

void PeerFleet::open_failed(Member& member, const std::system_error& error) {
  const std::string& id = member.config.engine.peer_id;
  member.session.reset();
  log(failure_severity(member), id,
      "Can't make server socket: " + core::escape_outside_text(error.what()) + "; it is tried again in " +
          std::to_string(restart_delay(member.restarts).count()) + " s");
  restart_later(id);
}

// What goes on at the longest interval has been told often enough.
core::Severity PeerFleet::failure_severity(const Member& member) {
  return restart_delay(member.restarts) < longest_restart_delay ? core::Severity::critical : core::Severity::notice;
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
  log(is_ours ? failure_severity(at->second) : core::Severity::critical, id,
      "ABNORMAL EXIT. Session for server [" + id + "] died through \"exception\" with parameter [" + describe(error) +
          "]");
  if (is_stopping_ || !is_ours) return;
  at->second.session.reset();
  restart_later(id);
}

void PeerFleet::restart_later(const std::string& id) {
  const auto delay = restart_delay(members_.at(id).restarts++);
  net::Timer& timer = restarts_.insert_or_assign(id, net::Timer(strand_, delay)).first->second;
  timer.async_wait([this, id](const boost::system::error_code& error) {
    const auto at = members_.find(id);
    if (error || is_stopping_ || at == members_.end() || at->second.session) return;
    open_or_retry(id);
  });
}

// At once the first time, since clients miss the socket meanwhile; then less and less often, since whatever killed the
// session may be there still.
std::chrono::seconds PeerFleet::restart_delay(unsigned restarts) {
  if (restarts == 0) return std::chrono::seconds::zero();
  return std::min(longest_restart_delay, std::chrono::seconds{1U << std::min(restarts - 1, 6U)});
}

void PeerFleet::log(core::Severity severity, const std::string& id, const std::string& message) {
  services_.log.write(
      severity, {.server = id, .status = "Restarting", .status_since = std::chrono::system_clock::now()}, message);
}

}  // namespace lonc::app
