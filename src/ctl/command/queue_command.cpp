#include "ctl/command_table.hpp"
#include "ctl/node.hpp"
#include "ctl/view/text.hpp"

#include <lonc/core/base/text.hpp>
#include <lonc/net/spool/file_spool_disk.hpp>
#include <lonc/node/config/peer_configs.hpp>
#include <lonc/node/log/log.hpp>
#include <lonc/node/spool/queue_service.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <iostream>
#include <set>
#include <span>
#include <utility>

namespace lonc::ctl {

namespace {

using nlohmann::json;
using node::QueueAction;
using node::UsageError;

bool is_change(QueueAction action) { return action != QueueAction::list && action != QueueAction::show; }

void check_usage(const Options& options, QueueAction action) {
  const std::string word(node::to_string(action));
  const bool has_names = options.words.size() > 1;
  const auto ways = std::ranges::count(std::array{has_names, options.peer.has_value(), options.is_all}, true);
  if (ways > 1) throw UsageError("names, --peer and --all exclude each other; give one of them");
  if (ways == 0 && action != QueueAction::list) throw UsageError("queue " + word + " takes names, --peer ID or --all");
  if (action == QueueAction::show && !has_names) throw UsageError("queue show takes names; queue list shows all");
  if (std::ranges::find(options.words, "") != options.words.end())
    throw UsageError("a name is empty; give names as queue list shows them");
  if (options.peer && options.peer->empty()) throw UsageError("--peer is empty; give the id of a host");
  if (options.in_quarantine && (action == QueueAction::retry || action == QueueAction::hold))
    throw UsageError("queue " + word + " is about messages that wait; leave out --quarantine, or release them first");
  if (options.limit && action != QueueAction::list) throw UsageError("--limit is for queue list; leave it out");
  if (options.limit && (*options.limit == 0 || *options.limit > node::longest_queue_limit))
    throw UsageError("--limit takes a number from 1 to " + std::to_string(node::longest_queue_limit));
}

// The combined result of one call, or of several that belong together.
class Outcome {
 public:
  // True if messages are left to process after this answer, and another call may process some.
  bool add(const std::string& text) {
    json answer = parse_answer(text);
    const auto total = answer["total"].get<std::size_t>();
    const auto done = answer["done"].get<std::size_t>();
    total_ = std::max(total_, total);
    done_ += done;
    const std::size_t settled = done + answer["problems"].size();
    for (json& problem : answer["problems"]) {
      if (reported_.insert(problem["name"].get<std::string>()).second) problems_.push_back(std::move(problem));
    }
    for (json& message : answer["messages"]) messages_.push_back(std::move(message));
    if (answer.contains("error")) error_ = answer["error"].get<std::string>();
    return done > 0 && error_.empty() && total > settled;
  }

  // Names are split over several calls; each answer counts only the names of its own call.
  void add_names(const std::string& text) {
    const std::size_t before = std::exchange(total_, 0);
    add(text);
    total_ += before;
  }

  json to_json() const {
    json all{{"total", total_}, {"done", done_}, {"messages", messages_}, {"problems", problems_}};
    if (!error_.empty()) all["error"] = error_;
    return all;
  }

  ExitCode exit_code(QueueAction action) const {
    if (!error_.empty()) return ExitCode::failed;
    if (total_ == 0 && action != QueueAction::list) return ExitCode::no_match;
    return problems_.empty() ? ExitCode::ok : ExitCode::failed;
  }

 private:
  std::size_t total_ = 0;
  std::size_t done_ = 0;
  std::set<std::string> reported_;  // names
  json messages_ = json::array();
  json problems_ = json::array();
  std::string error_;
};

void open_directory(net::FileSpoolDisk& disk, const Node& node) {
  const std::error_code error = disk.open();
  if (error == std::errc::resource_unavailable_try_again)
    throw Failure(ExitCode::unreachable,
                  fmt::format("a lonc or another loncctl is at work in {}, but nothing listens on {}", node.delayed,
                              node.admin_socket),
                  "if lonc is just starting or ending, try again; if its log says that the socket could not be "
                  "created, or admin-socket was changed, restart it");
  if (error)
    throw Failure(ExitCode::unreachable, node.delayed + " cannot be used: " + error.message(),
                  "call loncctl as " + node.settings.user + " or root");
}

// Leaves the journal's records of messages that were sent but not settled when lonc was killed: the next start of lonc
// must report these messages in its log and its status.
std::string work_alone(const Node& node, const node::QueueRequest& request) {
  become_owner(node.delayed);
  const net::SpoolerOptions options = node::spooler_options(node.settings);
  net::FileSpoolDisk disk(options.directory, options.permanent_log);
  open_directory(disk, node);
  node::LogOptions log_options = node::log_options(node.settings);
  log_options.target = node::LogTarget::file;
  node::Log log(log_options);
  node::QueuePlace place{.disk = disk,
                         .line_limit = options.delayed.spool.line_limit,
                         .log = [&log](core::Severity severity, std::string_view host, std::string_view text) {
                           log.write(severity,
                                     {.server = host.empty() ? std::string_view("PARENT") : host,
                                      .status = "loncctl",
                                      .status_since = std::chrono::system_clock::now()},
                                     text);
                         }};
  for (const core::Host& host : node::read_host_table(node.settings).table.hosts) place.hosts.insert(host.id);
  const std::string answer = node::to_json(node::work_on_queue(place, request));
  log.close(std::chrono::seconds{5});
  return answer;
}

// Carries out a request on the queue: lonc does it while it runs, otherwise this program does. Never both. The answer
// is JSON (docs/admin-api.md). Throws Failure.
std::string ask_queue(const Node& node, const node::QueueRequest& request) {
  const std::string target = "/queue/" + std::string(node::to_string(request.action));
  HttpAnswer response = post_to_socket(node.admin_socket, target, node::to_json(request));
  if (!response.error && (response.status == 200 || response.status == 500) &&
      nlohmann::json::parse(response.body, nullptr, false).contains("total"))
    return std::move(response.body);
  if (!response.error) throw refused(response);
  if (!is_nobody_there(response)) throw not_reached(node, response);
  if (request.action == node::QueueAction::retry)
    throw Failure(ExitCode::unreachable, "lonc is not running; when it starts, it tries everything again");
  return work_alone(node, request);
}

// Sanitizes a name chosen by others: only printable characters reach the terminal.
std::string shown(const json& text) { return core::escape_outside_text(text.get<std::string>(), 512); }

// A title, and a member of a message in JSON.
using Titled = std::pair<std::string_view, const char*>;

constexpr auto columns = std::to_array<Titled>({{"PEER", "peer"},
                                                {"AGE", "age_s"},
                                                {"BYTES", "size"},
                                                {"FAILED", "attempts"},
                                                {"STATE", "state"},
                                                {"COMMAND", "command"},
                                                {"NAME", "name"},
                                                {"REASON", "reason"}});
constexpr auto details = std::to_array<Titled>({{"name:", "name"},
                                                {"peer:", "peer"},
                                                {"state:", "state"},
                                                {"age:", "age_s"},
                                                {"bytes:", "size"},
                                                {"command:", "command"},
                                                {"failed:", "attempts"},
                                                {"reason:", "reason"},
                                                {"was:", "original_name"},
                                                {"can be sent:", "fault"}});

// Empty if the message has no such member.
Cell cell_of(const json& message, std::string_view member) {
  const auto found = message.find(member);
  if (found == message.end()) return {};
  if (member == "age_s") return {.text = age_text(std::chrono::duration<double>(found->get<double>()))};
  if (found->is_number()) return {.text = found->dump()};
  std::string text = shown(*found);
  if (member == "command" && message.at("encrypted").get<bool>()) text.insert(0, "encrypt:");
  if (member == "fault") text = text.empty() ? "yes" : "no, " + text;
  return {.text = std::move(text)};
}

void print_list(const json& answer) {
  const json& messages = answer["messages"];
  const auto total = answer["total"].get<std::size_t>();
  if (messages.empty()) {
    std::cout << "No messages.\n";
    return;
  }
  // Empty cells at the end of a line leave no trace: only messages in the quarantine have a reason.
  std::vector<Row> rows(messages.size() + 1);
  for (const auto& [title, member] : columns) {
    rows.front().push_back({.text = std::string(messages.front().contains(member) ? title : "")});
    for (std::size_t i = 0; i != messages.size(); ++i) rows[i + 1].push_back(cell_of(messages[i], member));
  }
  std::cout << render_table(rows, {});
  if (total > messages.size())
    std::cout << fmt::format("The oldest {} of {}; --limit shows more.\n", messages.size(), total);
}

void print_one(const json& message) {
  std::vector<Row> rows;
  for (const auto& [title, member] : details) {
    if (message.contains(member)) rows.push_back({{.text = std::string(title)}, cell_of(message, member)});
  }
  std::cout << render_table(rows, {});
}

std::string done_text(const json& answer, QueueAction action) {
  const auto done = answer["done"].get<std::size_t>();
  const std::string messages = core::counted(done, "message");
  if (action == QueueAction::hold) return messages + " held in the quarantine\n";
  if (action == QueueAction::drop) return messages + " dropped\n";
  if (action == QueueAction::release) return messages + " released\n";
  return fmt::format("{} waiting, tried again at {}\n", answer["total"].get<std::size_t>(),
                     core::counted(done, "peer"));
}

// The answer to standard output, what was not done to standard error.
void print_queue(const json& answer, QueueAction action, bool is_json) {
  for (const json& problem : answer["problems"])
    std::cerr << fmt::format("loncctl: {}: {}\n", shown(problem["name"]), shown(problem["text"]));
  if (is_change(action) && answer["total"] == 0 && answer["problems"].empty() && !answer.contains("error"))
    std::cerr << "loncctl: there is no such message\n";
  if (answer.contains("error")) std::cerr << "loncctl: " << shown(answer["error"]) << "\n";
  if (is_json) {
    std::cout << json_text(answer);
  } else if (action == QueueAction::list) {
    print_list(answer);
  } else if (action == QueueAction::show) {
    for (const json& message : answer["messages"]) print_one(message);
  } else if (answer["done"].get<std::size_t>() > 0) {
    std::cout << done_text(answer, action);
  }
}

}  // namespace

ExitCode run_queue_command(const Options& options) {
  const auto given = options.words.empty() ? std::nullopt : node::queue_action(options.words.front());
  if (!given) throw UsageError("queue takes list, show, retry, hold, drop or release; loncctl --help explains them");
  const QueueAction action = *given;
  check_usage(options, action);
  const Node node = find_node(options);
  node::QueueRequest request{.action = action, .in_quarantine = options.in_quarantine};
  if (options.limit) request.limit = *options.limit;
  Outcome outcome;
  std::span<const std::string> names(options.words.begin() + 1, options.words.end());
  if (names.empty()) {
    request.peer = options.peer.value_or("");
    request.is_all = request.peer.empty();
    // A limited number at a time: between two calls, lonc has its directory to itself.
    while (outcome.add(ask_queue(node, request)) && is_change(action) && action != QueueAction::retry) {
    }
  }
  while (!names.empty()) {
    const auto some = names.first(std::min(names.size(), request.limit));
    names = names.subspan(some.size());
    request.names.assign(some.begin(), some.end());
    outcome.add_names(ask_queue(node, request));
  }
  print_queue(outcome.to_json(), action, options.is_json);
  return outcome.exit_code(action);
}

}  // namespace lonc::ctl
