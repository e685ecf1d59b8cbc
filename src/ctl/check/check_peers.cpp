#include "checks.hpp"
#include "ctl/clients.hpp"

#include <lonc/node/config/settings.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

namespace lonc::ctl {

namespace {

using core::Problem;
using Kind = Problem::Kind;
using nlohmann::json;

constexpr std::size_t most_at_once = 200;  // of the visits

// Of the clocks.
constexpr std::size_t most_asked = 5;
constexpr std::chrono::seconds tolerated{60};

std::string place_of(const core::Host& host, std::uint16_t port) {
  const std::string& place = host.address.empty() ? host.name : host.address;
  const bool is_bare = place.find(':') == std::string::npos;
  return is_bare ? fmt::format("{}:{}", place, port) : fmt::format("[{}]:{}", place, port);
}

struct Visit {
  core::Host host;
  std::uint16_t port;
  VisitResult result;
};

// A limited number at a time.
void visit_all(std::vector<Visit>& visits, const std::string& own_id, std::chrono::milliseconds timeout) {
  boost::asio::io_context io;
  const net::Strand strand = boost::asio::make_strand(io);
  net::Resolver resolver;
  std::size_t next = 0;
  const auto walk = [&]() -> net::Task<void> {
    while (next != visits.size()) {
      Visit& visit = visits[next++];
      visit.result = co_await visit_lond(resolver, visit.host, visit.port, own_id, timeout);
    }
  };
  for (std::size_t i = 0; i != std::min(most_at_once, visits.size()); ++i)
    boost::asio::co_spawn(strand, walk(), rethrow);
  io.run();
}

std::string messages(std::uint64_t count, std::string_view one, std::string_view many) {
  return count == 1 ? fmt::format("one delayed message {}", one) : fmt::format("{} delayed messages {}", count, many);
}

}  // namespace

std::optional<Problem> judge_visit(const core::Host& host, const std::string& place, std::error_code error,
                                   const std::string& step, const json& known) {
  const std::string peer = host.id + " (" + place + ")";
  if (!error) {
    // Nothing is wrong while the first attempt, or a manual one, is running.
    if (text_in(known, "state") != "away") return std::nullopt;
    std::string text = peer + " answers now, but lonc has not reconnected to it: " + text_in(known, "last_error");
    return finding(Kind::warning, {}, std::move(text), "loncctl reconnect " + host.id);
  }
  std::string text = peer + ": " + error.message();
  if (step != "name" && step != "connect") text += " (at " + step + ")";
  std::string remedy = core::remedy_for(error);
  if (remedy.empty()) remedy = "check lond.log on the peer";
  const bool is_refused = error == core::Errc::handshake_refused;
  return finding(is_refused ? Kind::error : Kind::warning, {}, std::move(text), std::move(remedy));
}

PeerFindings check_peers(const node::Settings& settings, const core::HostTable& hosts, const json& status,
                         std::chrono::milliseconds timeout) {
  json known = json::object();  // the daemon's peers, by id
  for (const json& peer : part(status, "peers")) known.emplace(text_in(peer, "id"), peer);
  PeerFindings findings;
  std::vector<Visit> visits;
  for (const core::Host& host : hosts.hosts) {
    const std::string state = text_in(part(known, host.id.c_str()), "state");
    if (state == "up") {
      findings.reachable.push_back(host);
    } else if (state != "drained") {  // which is intended
      visits.push_back({host, node::settings_of(settings, host.id).peer.port, {}});
    }
  }
  visit_all(visits, settings.host_id, timeout);
  findings.visited = visits.size();
  for (const auto& [host, port, result] : visits) {
    if (!result.error) findings.reachable.push_back(host);
    add(findings.problems,
        judge_visit(host, place_of(host, port), result.error, result.step, part(known, host.id.c_str())));
  }
  return findings;
}

std::vector<Problem> check_daemon(const json& status) {
  const json& daemon = part(status, "daemon");
  const json& delayed = part(daemon, "delayed");
  std::vector<Problem> problems;
  const auto add = [&problems](Kind kind, std::string text, std::string remedy) {
    problems.push_back(finding(kind, {}, std::move(text), std::move(remedy)));
  };
  if (const std::string trouble = text_in(delayed, "trouble"); !trouble.empty())
    add(Kind::error, "lonc does not send delayed messages: " + trouble, text_in(delayed, "remedy"));
  for (const json& problem : part(daemon, "problems"))
    add(Kind::error, text_in(problem, "text"), text_in(problem, "remedy"));
  if (const auto count = count_in(delayed, "quarantined"); count > 0)
    add(Kind::warning, messages(count, "was", "were") + " quarantined and will not be sent",
        "look at them with `loncctl queue list --quarantine`; release or drop them");
  if (const auto count = count_in(delayed, "for_unknown_hosts"); count > 0)
    add(Kind::warning, messages(count, "waits for a host", "wait for hosts") + " that hosts.tab does not name",
        "put the host into hosts.tab, or drop what `loncctl queue list` shows as foreign");
  if (const auto count = count_in(delayed, "doubtful"); count > 0)
    add(Kind::note, messages(count, "may", "may") + " have arrived twice since the start",
        "their names are in loncstatus.json and in the log");
  for (const json& peer : part(status, "peers")) {
    const std::string id = text_in(peer, "id");
    const std::string state = text_in(peer, "state");
    if (state == "drained")
      add(Kind::warning, id + " is drained: an administrator has taken it out of service", "loncctl reconnect " + id);
    if (state == "given_up")
      add(Kind::warning, id + " was given up after max-attempts attempts", "loncctl reconnect " + id);
  }
  return problems;
}

std::optional<Problem> judge_clock(std::vector<ClockSample> samples) {
  if (samples.empty()) return std::nullopt;
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::ranges::nth_element(samples, middle, {}, &ClockSample::ahead);
  const auto ahead = middle->ahead;
  if (ahead <= tolerated && ahead >= -tolerated) return std::nullopt;
  const bool is_behind = ahead > ahead.zero();
  std::string text = fmt::format("this server's clock is {} {} {} of {}", age_text(is_behind ? ahead : -ahead),
                                 is_behind ? "behind" : "ahead of", samples.size() == 1 ? "that" : "those",
                                 fmt::join(samples | std::views::transform(&ClockSample::peer), ", "));
  std::string remedy =
      "let a time service (chrony, systemd-timesyncd) set it; times of log entries and ages of delayed "
      "messages are wrong until then";
  if (samples.size() == 1) remedy.insert(0, "find out which of the two is wrong; if it is this one, ");
  return finding(Kind::warning, {}, std::move(text), std::move(remedy));
}

std::optional<Problem> check_clock(const std::vector<core::Host>& hosts, std::uint16_t http_port,
                                   std::chrono::milliseconds timeout) {
  boost::asio::io_context io;
  const net::Strand strand = boost::asio::make_strand(io);
  net::Resolver resolver(most_asked);
  std::vector<ClockSample> samples;
  for (const core::Host& host : hosts | std::views::take(most_asked)) {
    const WebServer server{
        .name = host.name.empty() ? host.address : host.name, .address = host.address, .port = http_port};
    boost::asio::co_spawn(strand, get_from_web(resolver, server, "/", timeout),
                          [&samples, id = host.id](const std::exception_ptr& failure, const HttpAnswer& answer) {
                            rethrow(failure);
                            if (answer.error) return;
                            if (const auto date = os::parse_http_date(answer.date))
                              samples.push_back({id, *date - std::chrono::system_clock::now()});
                          });
  }
  io.run();
  return judge_clock(std::move(samples));
}

}  // namespace lonc::ctl
