#include "check_peers.hpp"

#include "lond_visit.hpp"

#include <lonc/app/setting_table.hpp>
#include <lonc/core/error.hpp>

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <exception>
#include <map>
#include <string_view>
#include <utility>

namespace lonc::ctl {

namespace {

using core::Problem;

constexpr std::size_t most_at_once = 200;

std::string place_of(const core::Host& host, std::uint16_t port) {
  const std::string& place = host.address.empty() ? host.name : host.address;
  return (place.find(':') == std::string::npos ? place : "[" + place + "]") + ":" + std::to_string(port);
}

// All that have to be visited, some at a time.
class Round {
 public:
  struct Visit {
    core::Host host;
    VisitResult result;
  };

  Round(const app::Settings& settings, std::chrono::milliseconds timeout) : settings_(settings), timeout_(timeout) {}

  void add(const core::Host& host) { visits_.push_back({host, {}}); }

  const std::vector<Visit>& run() {
    const std::size_t walkers = std::min(most_at_once, visits_.size());
    for (std::size_t i = 0; i != walkers; ++i) {
      boost::asio::co_spawn(strand_, walk(), [](const std::exception_ptr& failure) {
        if (failure) std::rethrow_exception(failure);
      });
    }
    io_.run();
    return visits_;
  }

 private:
  net::Task<void> walk() {
    while (next_ != visits_.size()) {
      Visit& visit = visits_[next_++];
      // A variable of its own: g++ 12 destroys such a temporary twice in a co_await.
      const LondPlace place{.peer_id = visit.host.id,
                            .own_id = settings_.host_id,
                            .name_or_address = visit.host.address.empty() ? visit.host.name : visit.host.address,
                            .port = app::settings_of(settings_, visit.host.id).lond_port};
      visit.result = co_await visit_lond(resolver_, place, timeout_);
    }
  }

  const app::Settings& settings_;
  std::chrono::milliseconds timeout_;
  boost::asio::io_context io_;
  net::Strand strand_ = boost::asio::make_strand(io_);
  net::Resolver resolver_;
  std::vector<Visit> visits_;
  std::size_t next_ = 0;
};

}  // namespace

std::optional<Problem> judge_visit(const core::Host& host, const std::string& place, std::error_code error,
                                   const std::string& step, const PeerState* known) {
  const std::string peer = host.id + " (" + place + ")";
  if (!error) {
    // While the first attempt runs, or one by hand, nothing is wrong.
    if (known == nullptr || known->state != "away") return std::nullopt;
    std::string text = peer + " answers now, but lonc has not reached it again: " + known->last_error;
    return Problem{Problem::Kind::warning, {}, 0, std::move(text), "loncctl reconnect " + host.id};
  }
  std::string text = peer + ": " + error.message();
  if (step != "name" && step != "connect") text += " (at " + step + ")";
  std::string remedy = core::remedy_for(error);
  if (remedy.empty()) remedy = "look into lond.log on the peer";
  const bool is_refused = error == core::Errc::handshake_refused;
  return Problem{is_refused ? Problem::Kind::error : Problem::Kind::warning, {}, 0, std::move(text), std::move(remedy)};
}

PeerFindings check_peers(const app::Settings& settings, const core::HostTable& hosts,
                         const std::optional<StatusDocument>& status, std::chrono::milliseconds timeout) {
  std::map<std::string_view, const PeerState*> known;
  if (status) {
    for (const PeerState& peer : status->peers) known.emplace(peer.id, &peer);
  }
  const auto state_of = [&known](const std::string& id) -> const PeerState* {
    const auto found = known.find(id);
    return found == known.end() ? nullptr : found->second;
  };
  PeerFindings findings;
  Round round(settings, timeout);
  for (const core::Host& host : hosts.hosts) {
    const PeerState* const peer = state_of(host.id);
    const bool is_meant = peer != nullptr && peer->state == "paused";
    if (peer != nullptr && peer->state == "up") {
      findings.reachable.push_back(host);
    } else if (!is_meant) {
      round.add(host);
    }
  }
  for (const auto& [host, result] : round.run()) {
    ++findings.visited;
    if (!result.error) findings.reachable.push_back(host);
    const std::string place = place_of(host, app::settings_of(settings, host.id).lond_port);
    auto problem = judge_visit(host, place, result.error, result.step, state_of(host.id));
    if (problem) findings.problems.push_back(std::move(*problem));
  }
  return findings;
}

}  // namespace lonc::ctl
