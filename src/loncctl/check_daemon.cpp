#include "check_daemon.hpp"

#include <string>
#include <utility>

namespace lonc::ctl {

namespace {

using core::Problem;

std::string messages(std::uint64_t count, const std::string& one, const std::string& many) {
  return count == 1 ? "one delayed message " + one : std::to_string(count) + " delayed messages " + many;
}

}  // namespace

std::vector<Problem> check_daemon(const StatusDocument& status) {
  const DaemonState& daemon = status.daemon;
  std::vector<Problem> problems;
  const auto tell = [&problems](Problem::Kind kind, std::string text, std::string remedy) {
    problems.push_back({kind, {}, 0, std::move(text), std::move(remedy)});
  };
  if (!daemon.spool_trouble.empty())
    tell(Problem::Kind::error, "lonc does not send delayed messages: " + daemon.spool_trouble,
         "put the disk or the directory right; lonc goes on by itself");
  for (const std::string& problem : daemon.problems)
    tell(Problem::Kind::error, problem, "put the disk or the directory right; lonc goes on by itself");
  if (daemon.quarantined > 0)
    tell(Problem::Kind::warning, messages(daemon.quarantined, "was", "were") + " set aside and will not be sent",
         "look at them with `loncctl queue list --quarantine`; release or drop them");
  if (daemon.for_unknown_hosts > 0)
    tell(Problem::Kind::warning,
         messages(daemon.for_unknown_hosts, "waits for a host", "wait for hosts") + " that hosts.tab does not name",
         "put the host into hosts.tab, or drop what `loncctl queue list` shows as foreign");
  if (daemon.doubtful > 0)
    tell(Problem::Kind::note, messages(daemon.doubtful, "may", "may") + " have arrived twice since the start",
         "the names stand in loncstatus.json and in the log");
  for (const PeerState& peer : status.peers) {
    if (peer.state == "paused")
      tell(Problem::Kind::warning, peer.id + " is out of service, since an administrator has drained it",
           "loncctl reconnect " + peer.id);
    if (peer.state == "given_up")
      tell(Problem::Kind::warning, peer.id + " was given up after max-attempts", "loncctl reconnect " + peer.id);
  }
  return problems;
}

}  // namespace lonc::ctl
