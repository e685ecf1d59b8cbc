#include "ctl/check/checks.hpp"
#include "ctl/command_table.hpp"
#include "ctl/view/terminal.hpp"

#include <lonc/core/base/text.hpp>
#include <lonc/node/check/start_check.hpp>
#include <lonc/node/config/peer_configs.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>
#include <iterator>

namespace lonc::ctl {

namespace {

using core::Problem;
using Kind = Problem::Kind;
using nlohmann::json;

std::pair<std::string, Tone> look_of(Kind kind) {
  if (kind == Kind::note) return {"note", Tone::plain};
  if (kind == Kind::warning) return {"warning", Tone::doubtful};
  return {"error", Tone::bad};
}

// Runs all checks and collects the findings.
class NodeCheck {
 public:
  void run(const Options& options) {
    const auto timeout = options.timeout.value_or(std::chrono::seconds{5});
    node::LoadedSettings loaded = node::load_settings(node::sources_of(options.settings));
    become_user(loaded.settings.user);
    node::HostTableFile hosts;
    if (!loaded.settings.host_id.empty()) hosts = node::read_host_table(loaded.settings);
    if (!hosts.path.empty() && !hosts.error)
      std::ranges::move(node::settings_without_peer(loaded, hosts.table), std::back_inserter(loaded.problems));
    add(node::collect_problems(loaded, hosts).problems);
    // Without settings, the daemon and the directories are unknown.
    if (!loaded.is_usable()) return;
    const Node node = node_of(loaded.settings);
    ask_daemon(node, {.silence = options.timeout.value_or(silence_before_status), .wants_end = {}});
    add(check_modes(node));
    add(check_locks(node));
    add(check_leftovers(node, hosts.table));
    add(check_disks(node));
    add(check_file_times(node, std::chrono::system_clock::now()));
    PeerFindings peers = check_peers(node.settings, hosts.table, status_, timeout);
    add(std::move(peers.problems));
    // Our own web server runs on the same clock as we do.
    std::erase_if(peers.reachable, [&node](const core::Host& host) { return host.id == node.settings.host_id; });
    ctl::add(problems_, check_clock(peers.reachable, options.http_port, timeout));
    peers_ = hosts.table.hosts.size();
    visited_ = peers.visited;
  }

  std::size_t count(Kind kind) const {
    return static_cast<std::size_t>(std::ranges::count(problems_, kind, &Problem::kind));
  }
  bool is_well() const { return count(Kind::error) + count(Kind::warning) == 0; }

  void print(const TextStyle& style) const {
    for (const Problem& problem : problems_) {
      std::string where = problem.file;
      if (!where.empty()) where += problem.line == 0 ? ": " : fmt::format(":{}: ", problem.line);
      const auto [word, tone] = look_of(problem.kind);
      std::cout << render_table({{{.text = word + ":", .tone = tone}, {.text = printable(where + problem.text)}}},
                                {.has_colour = style.has_colour});
      if (!problem.remedy.empty()) std::cout << "  do: " << printable(problem.remedy) << "\n";
    }
    if (!problems_.empty()) std::cout << "\n";
    std::cout << summary() << "\n";
  }

  void print_json() const {
    json findings = json::array();
    for (const Problem& problem : problems_) {
      findings.push_back({{"kind", look_of(problem.kind).first},
                          {"file", problem.file.empty() ? json(nullptr) : json(problem.file)},
                          {"line", problem.line == 0 ? json(nullptr) : json(problem.line)},
                          {"cause", problem.text},
                          {"remedy", problem.remedy}});
    }
    const json all{
        {"errors", count(Kind::error)}, {"warnings", count(Kind::warning)}, {"daemon", daemon_}, {"peers", peers_},
        {"visited", visited_},          {"findings", std::move(findings)}};
    std::cout << json_text(all);
  }

 private:
  void add(std::vector<Problem> problems) { std::ranges::move(problems, std::back_inserter(problems_)); }
  void add_error(std::string text, std::string remedy) {
    problems_.push_back(
        finding(Kind::error, {}, std::move(text), remedy.empty() ? "check its log" : std::move(remedy)));
  }

  void ask_daemon(const Node& node, const CallTimeouts& timeouts) {
    const HttpAnswer response = get_from_socket(node.admin_socket, "/status", timeouts);
    try {
      status_ = parse_status(success(node, response));
    } catch (const Failure& failure) {
      daemon_ = is_nobody_there(response) ? "stopped" : "unreachable";
      return add_error(failure.cause, failure.remedy);
    }
    daemon_ = "running";
    add(check_daemon(status_));
    const HttpAnswer ready = get_from_socket(node.admin_socket, "/readyz", timeouts);
    if (!ready.error && ready.status == 503) add_error(refused(ready).cause, {});
  }

  std::string summary() const {
    if (is_well())
      return fmt::format("No problem found: settings, directories, locks, disks, clock, lonc and {} were checked.",
                         core::counted(peers_, "peer"));
    return fmt::format("{}, {}. lonc {}.", core::counted(count(Kind::error), "error"),
                       core::counted(count(Kind::warning), "warning"),
                       daemon_.empty() ? "was not checked, because the settings cannot be used" : "is " + daemon_);
  }

  std::vector<Problem> problems_;
  json status_ = json::object();
  std::string daemon_;
  std::size_t peers_ = 0;
  std::size_t visited_ = 0;
};

}  // namespace

ExitCode run_check_command(const Options& options) {
  if (!options.words.empty())
    throw node::UsageError("check takes no arguments; leave out `" + options.words.front() + "`");
  NodeCheck check;
  check.run(options);
  if (options.is_json) {
    check.print_json();
  } else {
    check.print(output_style());
  }
  return check.is_well() ? ExitCode::ok : ExitCode::failed;
}

}  // namespace lonc::ctl
