#include "queue_command.hpp"

#include "queue_access.hpp"
#include "queue_print.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>
#include <set>
#include <span>

namespace lonc::ctl {

namespace {

using app::QueueAction;
using app::UsageError;
using nlohmann::json;

bool is_change(QueueAction action) { return action != QueueAction::list && action != QueueAction::show; }

QueueAction action_of(const Options& options) {
  const auto action = options.words.empty() ? std::nullopt : app::queue_action(options.words.front());
  if (!action) throw UsageError("queue takes list, show, retry, hold, drop or release; loncctl --help explains them");
  return *action;
}

void check_usage(const Options& options, QueueAction action) {
  const std::string word(app::to_string(action));
  const bool has_names = options.words.size() > 1;
  const int ways =
      static_cast<int>(has_names) + static_cast<int>(options.peer.has_value()) + static_cast<int>(options.is_all);
  if (ways > 1) throw UsageError("names, --peer and --all exclude each other; give one of them");
  if (ways == 0 && action != QueueAction::list)
    throw UsageError("queue " + word + " needs to be told which; give names, --peer ID or --all");
  if (action == QueueAction::show && !has_names) throw UsageError("queue show takes names; queue list shows many");
  if (std::ranges::find(options.words, "") != options.words.end())
    throw UsageError("a name is empty; give names as queue list shows them");
  if (options.peer && options.peer->empty()) throw UsageError("--peer is empty; give the id of a host");
  if (options.in_quarantine && (action == QueueAction::retry || action == QueueAction::hold))
    throw UsageError("queue " + word + " is about messages that wait; leave out --quarantine, or release them first");
  if (options.limit && action != QueueAction::list) throw UsageError("--limit is for queue list; leave it out");
  if (options.limit && (*options.limit == 0 || *options.limit > app::longest_queue_limit))
    throw UsageError("--limit takes a number from 1 to " + std::to_string(app::longest_queue_limit) + "; correct it");
}

// What comes of a call, or of several that belong together.
class Outcome {
 public:
  // The number of messages that this answer has not dealt with.
  std::size_t add(const std::string& text) {
    json answer = json::parse(text, nullptr, false);
    if (!answer.is_object())
      throw Failure(ExitCode::failed, "the answer can not be understood; is lonc of another version?");
    const auto total = answer["total"].get<std::size_t>();
    const auto done = answer["done"].get<std::size_t>();
    done_ += done;
    std::size_t problems = 0;
    for (json& problem : answer["problems"]) {
      ++problems;
      if (told_.insert(problem["name"].get<std::string>()).second) problems_.push_back(std::move(problem));
    }
    total_ = std::max(total_, total);
    for (json& message : answer["messages"]) messages_.push_back(std::move(message));
    if (answer.contains("error")) error_ = answer["error"].get<std::string>();
    const bool goes_on = done > 0 && error_.empty() && total > done + problems;
    return goes_on ? total - done - problems : 0;
  }

  // Names are asked for in several calls, each of which tells of its own.
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
  std::set<std::string> told_;
  json messages_ = json::array();
  json problems_ = json::array();
  std::string error_;
};

}  // namespace

ExitCode run_queue_command(const Options& options) {
  const QueueAction action = action_of(options);
  check_usage(options, action);
  const Node node = find_node(options);
  app::QueueRequest request{.action = action, .in_quarantine = options.in_quarantine};
  if (options.limit) request.limit = *options.limit;
  Outcome outcome;
  std::span<const std::string> names(options.words.begin() + 1, options.words.end());
  if (names.empty()) {
    request.peer = options.peer.value_or("");
    request.is_all = request.peer.empty();
    // Some at a time: between two calls lonc has its directory to itself.
    while (outcome.add(ask_queue(node, request)) > 0 && is_change(action) && action != QueueAction::retry) {
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
