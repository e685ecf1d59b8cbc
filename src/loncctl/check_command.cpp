#include "check_command.hpp"

#include "check_clock.hpp"
#include "check_daemon.hpp"
#include "check_disk.hpp"
#include "check_files.hpp"
#include "check_locks.hpp"
#include "check_peers.hpp"
#include "daemon_call.hpp"
#include "node.hpp"
#include "table.hpp"
#include "terminal.hpp"

#include <lonc/app/check.hpp>
#include <lonc/app/peer_configs.hpp>
#include <lonc/app/user_check.hpp>
#include <lonc/core/text.hpp>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <optional>
#include <utility>

namespace lonc::ctl {

namespace {

using core::Problem;

std::string kind_text(Problem::Kind kind) {
  switch (kind) {
    case Problem::Kind::error:
      return "error";
    case Problem::Kind::warning:
      return "warning";
    case Problem::Kind::note:
      return "note";
  }
  return "error";
}

Tone tone_of(Problem::Kind kind) {
  switch (kind) {
    case Problem::Kind::error:
      return Tone::bad;
    case Problem::Kind::warning:
      return Tone::doubtful;
    case Problem::Kind::note:
      return Tone::plain;
  }
  return Tone::plain;
}

// All that is looked at, and what was found.
class Examination {
 public:
  void run(const Options& options) {
    constexpr std::chrono::seconds usual{5};
    const auto timeout = options.timeout.value_or(usual);
    app::LoadedSettings loaded = app::load_settings(app::sources_of(options.settings));
    be_the_user(loaded.settings.user);
    app::HostTableFile hosts;
    if (!loaded.settings.host_id.empty()) hosts = app::read_host_table(loaded.settings);
    if (!hosts.path.empty() && !hosts.error)
      std::ranges::move(app::settings_without_peer(loaded, hosts.table), std::back_inserter(loaded.problems));
    add(app::collect_problems(loaded, hosts).problems);
    // Without settings there is no telling which daemon and which directories are meant.
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
    add(check_clock(other_hosts(std::move(peers.reachable), node.settings.host_id), options.http_port, timeout));
    peers_ = hosts.table.hosts.size();
    visited_ = peers.visited;
  }

  std::size_t count(Problem::Kind kind) const {
    return static_cast<std::size_t>(std::ranges::count(problems_, kind, &Problem::kind));
  }
  bool is_well() const { return count(Problem::Kind::error) + count(Problem::Kind::warning) == 0; }

  void print(const Look& look) const {
    for (const Problem& problem : problems_) {
      const std::string text = problem.file.empty() ? problem.text : where(problem) + ": " + problem.text;
      std::cout << render_table(
          {{{.text = kind_text(problem.kind) + ":", .tone = tone_of(problem.kind)}, {.text = printable(text)}}},
          {.has_colour = look.has_colour});
      if (!problem.remedy.empty()) std::cout << "  do: " << printable(problem.remedy) << "\n";
    }
    if (!problems_.empty()) std::cout << "\n";
    std::cout << summary() << "\n";
  }

  void print_json() const {
    nlohmann::json findings = nlohmann::json::array();
    for (const Problem& problem : problems_) {
      findings.push_back({{"kind", kind_text(problem.kind)},
                          {"file", problem.file.empty() ? nlohmann::json(nullptr) : nlohmann::json(problem.file)},
                          {"line", problem.line == 0 ? nlohmann::json(nullptr) : nlohmann::json(problem.line)},
                          {"cause", problem.text},
                          {"remedy", problem.remedy}});
    }
    const nlohmann::json all{{"errors", count(Problem::Kind::error)},
                             {"warnings", count(Problem::Kind::warning)},
                             {"daemon", daemon_},
                             {"peers", peers_},
                             {"visited", visited_},
                             {"findings", std::move(findings)}};
    std::cout << all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  }

 private:
  void add(std::vector<Problem> problems) { std::ranges::move(problems, std::back_inserter(problems_)); }

  // What lonc may do with a file is seen with its eyes only.
  static void be_the_user(const std::string& user) {
    become_user(user);
    const auto ids = app::find_user(user);
    if (!ids || ids->user == ::geteuid()) return;
    throw Failure(ExitCode::unreachable, "check looks at files and sockets as " + user + " does, and you are " +
                                             app::user_name(::geteuid()) + "; call it as root or as " + user);
  }

  void ask_daemon(const Node& node, const Patience& patience) {
    const AdminResponse response = get_from_admin(node.admin_socket, "/status", patience);
    try {
      status_ = parse_status(success(node, response));
    } catch (const Failure& failure) {
      daemon_ = is_nobody_there(response) ? "stopped" : "unreachable";
      const std::string text = failure.what();
      const auto cut = std::min(text.find("; "), text.size());
      problems_.push_back({Problem::Kind::error,
                           {},
                           0,
                           text.substr(0, cut),
                           cut == text.size() ? "look into its log" : text.substr(cut + 2)});
      return;
    }
    daemon_ = "running";
    add(check_daemon(*status_));
    const AdminResponse ready = get_from_admin(node.admin_socket, "/readyz", patience);
    if (!ready.error && ready.status == 503)
      problems_.push_back({Problem::Kind::error, {}, 0, refused(ready).what(), "look into its log"});
  }

  // Our own web server has our own clock.
  static std::vector<core::Host> other_hosts(std::vector<core::Host> hosts, const std::string& own) {
    std::erase_if(hosts, [&own](const core::Host& host) { return host.id == own; });
    return hosts;
  }

  static std::string where(const Problem& problem) {
    return problem.line == 0 ? problem.file : problem.file + ":" + std::to_string(problem.line);
  }

  std::string summary() const {
    if (is_well())
      return "Nothing is wrong: settings, directories, locks, disks, clock, lonc and " + core::counted(peers_, "peer") +
             " were looked at.";
    return core::counted(count(Problem::Kind::error), "error") + ", " +
           core::counted(count(Problem::Kind::warning), "warning") + ". lonc is " +
           (daemon_.empty() ? "not looked for" : daemon_) + ".";
  }

  std::vector<Problem> problems_;
  std::optional<StatusDocument> status_;
  std::string daemon_;
  std::size_t peers_ = 0;
  std::size_t visited_ = 0;
};

}  // namespace

ExitCode run_check_command(const Options& options) {
  if (!options.words.empty()) throw app::UsageError("check looks at all; leave out `" + options.words.front() + "`");
  Examination examination;
  examination.run(options);
  if (options.is_json) {
    examination.print_json();
  } else {
    examination.print(output_look());
  }
  return examination.is_well() ? ExitCode::ok : ExitCode::failed;
}

}  // namespace lonc::ctl
