#include "action_command.hpp"

#include "daemon_call.hpp"
#include "node.hpp"
#include "table.hpp"

#include <nlohmann/json.hpp>

#include <iostream>

namespace lonc::ctl {

namespace {

using nlohmann::json;

std::size_t count_in(const json& answer, const char* name) { return answer.value(name, std::size_t{0}); }

std::string peers_text(std::size_t count) { return std::to_string(count) + (count == 1 ? " peer" : " peers"); }

// Says what came of it, by `tell` for people. The answer is an object, or lonc is of another version.
template <typename Tell>
void print_answer(const Options& options, const std::string& body, Tell tell) {
  const json answer = json::parse(body, nullptr, false);
  if (!answer.is_object())
    throw Failure(ExitCode::failed, "the answer can not be understood; is lonc of another version?");
  if (options.is_json) {
    std::cout << body << (body.ends_with('\n') ? "" : "\n");
  } else {
    tell(answer);
  }
}

void no_words(const Options& options) {
  if (!options.words.empty())
    throw app::UsageError(options.command + " takes no `" + options.words.front() + "`; leave it out");
}

void print_reload(const json& answer) {
  std::cout << "reloaded: " << peers_text(count_in(answer, "peers")) << ", " << count_in(answer, "added") << " added, "
            << count_in(answer, "removed") << " removed, " << count_in(answer, "replaced") << " replaced, "
            << count_in(answer, "adjusted") << " adjusted\n";
  for (const json& problem : answer.value("problems", json::array()))
    std::cerr << "loncctl: " << printable(problem.get<std::string>()) << "\n";
  for (const json& name : answer.value("needs_restart", json::array()))
    std::cerr << "loncctl: " << printable(name.get<std::string>()) << " has changed; that takes a restart of lonc\n";
}

}  // namespace

ExitCode run_reconnect_command(const Options& options) {
  if (options.words.empty() != options.is_all)
    throw app::UsageError("reconnect needs to be told which peers; give ids, or --all alone");
  const json body = options.is_all ? json{{"all", true}} : json{{"peers", options.words}};
  print_answer(options, post_to_daemon(find_node(options), "/reconnect", body), [](const json& answer) {
    std::cout << peers_text(count_in(answer, "done")) << " to be tried now; `loncctl status` shows what comes of it\n";
  });
  return ExitCode::ok;
}

ExitCode run_drain_command(const Options& options) {
  if (options.words.empty()) throw app::UsageError("drain needs to be told which peers; give their ids");
  print_answer(options, post_to_daemon(find_node(options), "/drain", {{"peers", options.words}}),
               [](const json& answer) {
                 std::cout << peers_text(count_in(answer, "done"))
                           << " out of service, until `loncctl reconnect`, a reload or a restart\n";
               });
  return ExitCode::ok;
}

ExitCode run_reload_command(const Options& options) {
  no_words(options);
  const json body = options.is_forced ? json{{"force", true}} : json::object();
  print_answer(options, post_to_daemon(find_node(options), "/reload", body), print_reload);
  return ExitCode::ok;
}

ExitCode run_log_level_command(const Options& options) {
  if (options.words.size() > 1) throw app::UsageError("log-level takes one LEVEL, or none to be shown the present one");
  const Node node = find_node(options);
  const std::string body = options.words.empty()
                               ? get_from_daemon(node, "/log-level")
                               : post_to_daemon(node, "/log-level", {{"level", options.words.front()}});
  print_answer(options, body,
               [](const json& answer) { std::cout << printable(answer.value("level", std::string{})) << "\n"; });
  return ExitCode::ok;
}

}  // namespace lonc::ctl
