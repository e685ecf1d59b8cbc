#include "daemon/status/snapshot.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include <exception>
#include <utility>

namespace lonc::daemon {

namespace {

// After gathering from the peers, the board pauses for this multiple of the time that took.
constexpr int rest = 3;

// Adds what the spool knows about each peer; the session does not know it.
void add_spool(Snapshot& snapshot) {
  const auto& hosts = snapshot.daemon.spool.hosts;
  for (net::PeerReport& peer : snapshot.peers) {
    const auto at = hosts.find(peer.status.peer_id);
    if (at == hosts.end()) continue;
    peer.delayed_oldest_at = at->second.oldest_at;
    peer.delayed_quarantined = at->second.quarantined;
  }
}

}  // namespace

HistorySample sample_of(const std::vector<net::PeerReport>& peers, std::chrono::system_clock::time_point now) {
  HistorySample sample;
  sample.at = now;
  for (const net::PeerReport& peer : peers) {
    const core::PeerStatus& status = peer.status;
    ++(status.state == core::PeerState::up ? sample.up : sample.down);
    sample.requests += status.counters.requests;
    sample.replies += status.counters.replies;
    sample.con_lost += status.counters.con_lost;
    sample.errors += status.counters.errors;
    sample.timeouts += status.counters.timeouts;
    sample.delayed_waiting += status.delayed_waiting;
  }
  return sample;
}

void DaemonLog::set_status(std::string text) {
  activity_.text = std::move(text);
  activity_.text_since = std::chrono::system_clock::now();
}

void DaemonLog::write(core::Severity severity, std::string_view message) {
  activity_.last_log = message;
  activity_.last_log_severity = severity;
  activity_.last_log_at = std::chrono::system_clock::now();
  sink_.write(severity, {.server = "PARENT", .status = activity_.text, .status_since = activity_.text_since}, message);
}

void StatusBoard::ask(Done done) {
  boost::asio::dispatch(strand_, [this, done = std::move(done)]() mutable {
    waiting_.push_back(std::move(done));
    begin();
  });
}

void StatusBoard::sample(Done done) {
  is_sample_wanted_ = true;
  ask(std::move(done));
}

void StatusBoard::begin() {
  if (is_gathering_ || is_pausing_ || waiting_.empty()) return;
  is_gathering_ = true;
  served_ = std::exchange(waiting_, {});
  began_at_ = std::chrono::steady_clock::now();
  source_.report_peers([this](std::vector<net::PeerReport> peers) { gathered(std::move(peers)); });
}

void StatusBoard::gathered(std::vector<net::PeerReport> peers) {
  const auto snapshot = std::make_shared<Snapshot>();
  snapshot->at = std::chrono::system_clock::now();
  snapshot->peers = std::move(peers);
  if (std::exchange(is_sample_wanted_, false)) history_.add(sample_of(snapshot->peers, snapshot->at));
  snapshot->daemon = source_.report_daemon();
  add_spool(*snapshot);
  snapshot->daemon.history = history_.samples();
  is_gathering_ = false;
  is_pausing_ = true;
  pause_.expires_after((std::chrono::steady_clock::now() - began_at_) * rest);
  pause_.async_wait([this](const boost::system::error_code& error) {
    is_pausing_ = false;
    if (!error) begin();
  });
  for (const Done& done : std::exchange(served_, {})) done(snapshot);
}

void RenderedCache::get(Done done) {
  boost::asio::dispatch(strand_, [this, done = std::move(done)]() mutable {
    waiting_.push_back(std::move(done));
    begin();
  });
}

void RenderedCache::begin() {
  if (is_making_ || waiting_.empty()) return;
  is_making_ = true;
  served_ = std::exchange(waiting_, {});
  if (bytes_in_use() > limit_) {
    if (Text latest = texts_.back().lock()) return made(std::move(latest));
  }
  board_.ask([this](StatusBoard::Shared snapshot) {
    boost::asio::post(pool_, [this, snapshot = std::move(snapshot)]() mutable {
      Text text;
      try {
        text = std::make_shared<const std::string>(make_(*snapshot));
      } catch (const std::exception&) {
        text = nullptr;  // only this answer is lost
      }
      snapshot.reset();
      boost::asio::post(strand_, [this, text = std::move(text)]() mutable {
        if (text) texts_.push_back(text);
        made(std::move(text));
      });
    });
  });
}

void RenderedCache::made(Text text) {
  is_making_ = false;
  for (const Done& done : std::exchange(served_, {})) done(text);
  text.reset();
  begin();
}

std::size_t RenderedCache::bytes_in_use() {
  std::size_t bytes = 0;
  std::erase_if(texts_, [&](const auto& weak) {
    const Text text = weak.lock();
    if (text) bytes += text->size();
    return text == nullptr;
  });
  return bytes;
}

}  // namespace lonc::daemon
