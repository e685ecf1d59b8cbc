#include <lonc/app/status_board.hpp>

#include <boost/asio/dispatch.hpp>

#include <utility>

namespace lonc::app {

namespace {

// After the peers were asked, they are left alone for so many times as long as that has taken.
constexpr int rest = 3;

// What the spool knows of each peer; a session does not.
void add_spool(Snapshot& snapshot) {
  const auto& hosts = snapshot.parent.spool.hosts;
  if (hosts.empty()) return;
  for (net::PeerReport& peer : snapshot.peers) {
    const auto at = hosts.find(peer.status.peer_id);
    if (at == hosts.end()) continue;
    peer.delayed_oldest_at = at->second.oldest_at;
    peer.delayed_quarantined = at->second.quarantined;
  }
}

}  // namespace

StatusBoard::StatusBoard(const net::Strand& strand, Sources sources)
    : strand_(strand), sources_(std::move(sources)), pause_(strand) {}

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
  sources_.peers([this](std::vector<net::PeerReport> peers) { gathered(std::move(peers)); });
}

void StatusBoard::gathered(std::vector<net::PeerReport> peers) {
  const auto snapshot = std::make_shared<Snapshot>();
  snapshot->at = std::chrono::system_clock::now();
  snapshot->peers = std::move(peers);
  if (std::exchange(is_sample_wanted_, false)) history_.add(sample_of(snapshot->peers, snapshot->at));
  snapshot->parent = sources_.parent();
  add_spool(*snapshot);
  snapshot->parent.history = history_.samples();
  is_gathering_ = false;
  is_pausing_ = true;
  pause_.expires_after((std::chrono::steady_clock::now() - began_at_) * rest);
  pause_.async_wait([this](const boost::system::error_code& error) {
    is_pausing_ = false;
    if (!error) begin();
  });
  for (const Done& done : std::exchange(served_, {})) done(snapshot);
}

}  // namespace lonc::app
