#include "status_command.hpp"

#include "daemon_call.hpp"
#include "node.hpp"
#include "status_document.hpp"
#include "status_view.hpp"
#include "terminal.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <functional>
#include <iostream>
#include <thread>

namespace lonc::ctl {

namespace {

using std::chrono::system_clock;

Failure no_peer(const std::string& id) {
  return {ExitCode::no_match, "lonc has no peer " + printable(id) +
                                  "; `loncctl status` shows all, and `loncctl reload` reads hosts.tab anew"};
}

void print_json_of(const std::string& document, const std::string& id) {
  const nlohmann::json status = nlohmann::json::parse(document);
  for (const nlohmann::json& peer : status.at("peers")) {
    if (peer.at("id") != id) continue;
    std::cout << peer.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
    return;
  }
  throw no_peer(id);
}

void print_one(const StatusDocument& status, const std::string& id) {
  const auto found = std::ranges::find(status.peers, id, &PeerState::id);
  if (found == status.peers.end()) throw no_peer(id);
  std::cout << render_peer(*found, system_clock::now(), output_look());
}

std::string get_status(const Node& node, const std::function<bool()>& wants_end = {}) {
  return get_from_daemon(node, "/status", {.silence = silence_before_status, .wants_end = wants_end});
}

// Looks at the daemon again and again. That it is away for a while is part of what is shown.
class Top {
 public:
  explicit Top(Node node) : node_(std::move(node)) {}

  // Throws Failure if there never was a daemon to look at.
  void first_look() { before_ = last_ = look_once({}); }

  std::string frame(const Look& look, std::size_t lines, const std::function<bool()>& wants_end = {}) {
    try {
      StatusDocument status = look_once(wants_end);
      before_ = std::exchange(last_, std::move(status));
    } catch (const Failure& failure) {
      return render_line(printable(failure.what()), Tone::bad, look);
    }
    return render_top(before_, last_, system_clock::now(), look, lines);
  }

 private:
  StatusDocument look_once(const std::function<bool()>& wants_end) const {
    return parse_status(get_status(node_, wants_end));
  }

  Node node_;
  StatusDocument before_;
  StatusDocument last_;
};

}  // namespace

ExitCode run_status_command(const Options& options) {
  if (options.words.size() > 1) throw app::UsageError("status takes one HOST, or none for all");
  const std::string document = get_status(find_node(options));
  const StatusDocument status = parse_status(document);
  if (options.is_json && options.words.empty()) {
    std::cout << document;
  } else if (options.is_json) {
    print_json_of(document, options.words.front());
  } else if (options.words.empty()) {
    std::cout << render_status(status, system_clock::now(), output_look());
  } else {
    print_one(status, options.words.front());
  }
  return ExitCode::ok;
}

ExitCode run_top_command(const Options& options) {
  constexpr std::chrono::milliseconds usual{2000};
  if (!options.words.empty()) throw app::UsageError("top shows all peers; `loncctl status HOST` shows one in detail");
  if (options.count == 0) throw app::UsageError("--count takes a number from 1; correct it");
  const auto interval = options.interval.value_or(usual);
  Top top(find_node(options));
  top.first_look();
  if (!is_output_terminal()) {
    for (std::size_t frame = 0; !options.count || frame != *options.count; ++frame) {
      std::this_thread::sleep_for(interval);
      std::cout << (frame == 0 ? "" : "\n") << top.frame({}, 0) << std::flush;
      if (!std::cout) return ExitCode::failed;
    }
    return ExitCode::ok;
  }
  Screen screen;
  // The first frame is there at once; what is in it per second comes with the second.
  for (std::size_t frame = 0; !options.count || frame != *options.count; ++frame) {
    const std::string text = top.frame(output_look(), terminal_height(), [&screen] { return screen.wants_end({}); });
    if (screen.wants_end({})) break;
    std::cout << "\x1b[H\x1b[2J" << text << std::flush;
    if (screen.wants_end(interval)) break;
  }
  return ExitCode::ok;
}

}  // namespace lonc::ctl
