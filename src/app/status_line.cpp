#include <lonc/app/status_line.hpp>

#include <boost/asio/post.hpp>

#include <utility>

namespace lonc::app {

namespace {

constexpr std::chrono::seconds rest{1};
constexpr std::chrono::milliseconds ready_rest{250};
constexpr std::chrono::seconds ready_patience{10};
constexpr std::size_t most_names = 5;

// The peers in one state: how many, and for those that an administrator looks for, which.
struct Group {
  std::size_t count = 0;
  std::string names;

  void add(const std::string& id) {
    if (count++ < most_names) names += (names.empty() ? "" : ", ") + id;
  }
  std::string text(const std::string& word) const {
    std::string text = ", " + std::to_string(count) + " " + word + " (" + names;
    if (count > most_names) text += " and " + std::to_string(count - most_names) + " more";
    return text + ")";
  }
};

}  // namespace

std::string status_line(const std::vector<net::PeerReport>& peers) {
  std::size_t up = 0;
  std::size_t starting = 0;
  Group away;
  Group paused;
  for (const net::PeerReport& peer : peers) {
    switch (peer.status.state) {
      case core::PeerState::up:
        ++up;
        break;
      case core::PeerState::starting:
        ++starting;
        break;
      case core::PeerState::paused:
        paused.add(peer.status.peer_id);
        break;
      default:
        away.add(peer.status.peer_id);
    }
  }
  std::string text = "serving " + std::to_string(peers.size()) + (peers.size() == 1 ? " peer: " : " peers: ") +
                     std::to_string(up) + " up";
  if (starting > 0) text += ", " + std::to_string(starting) + " connecting";
  if (away.count > 0) text += away.text("away");
  if (paused.count > 0) text += paused.text("paused");
  return text;
}

StatusLine::StatusLine(const net::Strand& strand, Needs needs)
    : strand_(strand), needs_(std::move(needs)), is_wanted_(needs_.manager.is_there()), timer_(strand) {}

void StatusLine::ready() {
  is_ready_due_ = true;
  ready_until_ = std::chrono::steady_clock::now() + ready_patience;
  timer_.cancel();  // a rest is over
  begin();
}

void StatusLine::stop() {
  is_stopped_ = true;
  timer_.cancel();
}

void StatusLine::state_changed() {
  if (is_wanted_ && !is_due_.exchange(true)) boost::asio::post(strand_, [this] { begin(); });
}

void StatusLine::begin() {
  if (is_wanted_ && !is_stopped_ && !std::exchange(is_busy_, true)) refresh();
}

void StatusLine::refresh() {
  is_due_ = false;
  needs_.board.ask([this](const StatusBoard::Shared& snapshot) {
    if (!is_stopped_) tell(*snapshot);
  });
}

void StatusLine::tell(const Snapshot& snapshot) {
  std::string text = status_line(snapshot.peers);
  const std::string missing = is_ready_due_ ? needs_.why_not_ready() : std::string();
  if (is_ready_due_ && (missing.empty() || std::chrono::steady_clock::now() >= ready_until_)) {
    is_ready_due_ = false;
    needs_.manager.ready(missing.empty() ? text : text + "; " + missing);
  } else if (is_ready_due_) {
    needs_.manager.status(missing);
  } else if (text != told_) {
    needs_.manager.status(text);
  }
  told_ = std::move(text);
  pause(is_ready_due_ ? ready_rest : rest);
}

void StatusLine::pause(std::chrono::milliseconds time) {
  timer_.expires_after(time);
  timer_.async_wait([this](const boost::system::error_code& /*cancelled: something is due*/) {
    if (is_stopped_) return;
    if (is_due_ || is_ready_due_) return refresh();
    is_busy_ = false;
  });
}

}  // namespace lonc::app
