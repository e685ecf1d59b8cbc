#include "ctl/command_table.hpp"
#include "ctl/node.hpp"
#include "ctl/view/status_view.hpp"
#include "ctl/view/terminal.hpp"

#include <lonc/core/base/text.hpp>

#include <fmt/format.h>

#include <functional>
#include <iostream>
#include <thread>

namespace lonc::ctl {

namespace {

using nlohmann::json;
using std::chrono::system_clock;

const json& peer_of(const json& status, const std::string& id) {
  for (const json& peer : part(status, "peers")) {
    if (text_in(peer, "id") == id) return peer;
  }
  throw Failure(ExitCode::no_match, "lonc has no peer " + printable(id),
                "`loncctl status` shows all, and `loncctl reload` reads hosts.tab again");
}

std::string get_status(const Node& node, const std::function<bool()>& wants_end = {}) {
  return get_from_daemon(node, "/status", {.silence = silence_before_status, .wants_end = wants_end});
}

// Polls the daemon repeatedly. If the daemon is unavailable for a while, the frame says so.
class Top {
 public:
  // Throws Failure if the daemon cannot be queried in the first place.
  explicit Top(Node node) : node_(std::move(node)), last_(parse_status(get_status(node_))), before_(last_) {}

  std::string frame(const TextStyle& style, std::size_t lines, const std::function<bool()>& wants_end = {}) {
    try {
      json status = parse_status(get_status(node_, wants_end));
      before_ = std::exchange(last_, std::move(status));
    } catch (const Failure& failure) {
      return render_line(printable(failure.what()), Tone::bad, style);
    }
    return render_top(before_, last_, system_clock::now(), style, lines);
  }

 private:
  Node node_;
  json last_;
  json before_;
};

std::string peers_in(const json& answer, const char* name) { return core::counted(count_in(answer, name), "peer"); }

// Prints the result: as JSON, or by `print` for people.
ExitCode print_answer(const Options& options, const std::string& body, void (*print)(const json&)) {
  const json answer = parse_answer(body);
  if (options.is_json) {
    std::cout << body << (body.ends_with('\n') ? "" : "\n");
  } else {
    print(answer);
  }
  return ExitCode::ok;
}

void print_reload(const json& answer) {
  std::cout << fmt::format("reloaded: {}, {} added, {} removed, {} moved, {} adjusted\n", peers_in(answer, "peers"),
                           count_in(answer, "added"), count_in(answer, "removed"), count_in(answer, "moved"),
                           count_in(answer, "adjusted"));
  for (const json& problem : answer.value("problems", json::array()))
    std::cerr << "loncctl: " << printable(problem.get<std::string>()) << "\n";
  for (const json& name : answer.value("needs_restart", json::array()))
    std::cerr << "loncctl: " << printable(name.get<std::string>())
              << " has changed; that takes effect after a restart of lonc\n";
}

}  // namespace

ExitCode run_status_command(const Options& options) {
  if (options.words.size() > 1) throw node::UsageError("status takes one HOST, or none for all");
  const std::string document = get_status(find_node(options));
  const json status = parse_status(document);
  if (options.is_json && options.words.empty()) {
    std::cout << document;
  } else if (options.is_json) {
    std::cout << json_text(peer_of(json::parse(document), options.words.front()));
  } else if (options.words.empty()) {
    std::cout << render_status(status, system_clock::now(), output_style());
  } else {
    std::cout << render_peer(peer_of(status, options.words.front()), system_clock::now(), output_style());
  }
  return ExitCode::ok;
}

ExitCode run_top_command(const Options& options) {
  constexpr std::chrono::milliseconds usual{2000};
  if (!options.words.empty()) throw node::UsageError("top shows all peers; `loncctl status HOST` shows one in detail");
  if (options.count == 0) throw node::UsageError("--count takes a number, at least 1");
  const auto interval = options.interval.value_or(usual);
  Top top(find_node(options));
  if (!is_output_terminal()) {
    for (std::size_t frame = 0; !options.count || frame != *options.count; ++frame) {
      std::this_thread::sleep_for(interval);
      std::cout << (frame == 0 ? "" : "\n") << top.frame({}, 0) << std::flush;
      if (!std::cout) return ExitCode::failed;
    }
    return ExitCode::ok;
  }
  Screen screen;
  // The first frame appears at once; rates per second are known from the second frame on.
  for (std::size_t frame = 0; !options.count || frame != *options.count; ++frame) {
    const std::string text = top.frame(output_style(), terminal_height(), [&screen] { return screen.wants_end({}); });
    if (screen.wants_end({})) break;
    std::cout << "\x1b[H\x1b[2J" << text << std::flush;
    if (screen.wants_end(interval)) break;
  }
  return ExitCode::ok;
}

ExitCode run_reconnect_command(const Options& options) {
  if (options.words.empty() != options.is_all)
    throw node::UsageError("reconnect takes either the ids of peers or --all");
  const json body = options.is_all ? json{{"all", true}} : json{{"peers", options.words}};
  return print_answer(options, post_to_daemon(find_node(options), "/reconnect", body), [](const json& answer) {
    std::cout << peers_in(answer, "done") << " to be tried now; `loncctl status` shows the result\n";
  });
}

ExitCode run_drain_command(const Options& options) {
  if (options.words.empty()) throw node::UsageError("drain takes the ids of peers");
  return print_answer(
      options, post_to_daemon(find_node(options), "/drain", {{"peers", options.words}}), [](const json& answer) {
        std::cout << peers_in(answer, "done") << " drained, until `loncctl reconnect`, a reload or a restart\n";
      });
}

ExitCode run_reload_command(const Options& options) {
  if (!options.words.empty()) throw node::UsageError("reload takes no `" + options.words.front() + "`; leave it out");
  const json body = options.is_forced ? json{{"force", true}} : json::object();
  return print_answer(options, post_to_daemon(find_node(options), "/reload", body), print_reload);
}

ExitCode run_log_level_command(const Options& options) {
  if (options.words.size() > 1) throw node::UsageError("log-level takes one LEVEL, or none to show the current one");
  const Node node = find_node(options);
  const std::string body = options.words.empty()
                               ? get_from_daemon(node, "/log-level")
                               : post_to_daemon(node, "/log-level", {{"level", options.words.front()}});
  return print_answer(options, body,
                      [](const json& answer) { std::cout << printable(text_in(answer, "level")) << "\n"; });
}

}  // namespace lonc::ctl
