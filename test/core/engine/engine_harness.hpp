// PeerEngine with its effects recorded as strings, and a clock that stands still until it is moved.
#pragma once

#include <lonc/core/base/error.hpp>
#include <lonc/core/engine/peer_engine.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace lonc::core::test {

using namespace std::chrono_literals;

class EngineHarness : public Effects {
 public:
  explicit EngineHarness(PeerSettings settings = default_settings()) : engine(std::move(settings), 1, *this) {}

  static PeerSettings default_settings() {
    PeerSettings settings;
    settings.peer_id = "msul3";
    settings.own_id = "data1";
    settings.pipeline_depth = 1;
    settings.pipeline_safe = {};
    return settings;
  }

  // --- events
  void start() { engine.start(now), answer_fetch(); }
  void ask(std::uint64_t client, std::string_view line) { engine.client_line(now, ClientId{client}, line); }
  void up(std::uint64_t connection) {
    engine.connection_started(now, ConnectionId{connection});
    engine.connection_up(now, ConnectionId{connection});
  }
  void fail(std::uint64_t connection, std::error_code error = std::make_error_code(std::errc::connection_refused)) {
    engine.connection_started(now, ConnectionId{connection});
    engine.connection_closed(now, ConnectionId{connection}, error);
  }
  // One line in a read of its own.
  void line(std::uint64_t connection, std::string_view text) { lines(connection, {text}); }
  // Everything that one read returns; `rest`: the beginning of a further line.
  void lines(std::uint64_t connection, const std::vector<std::string_view>& texts, std::string_view rest = {}) {
    for (const std::string_view text : texts) engine.line_received(now, ConnectionId{connection}, text);
    engine.received_all(now, ConnectionId{connection}, !rest.empty());
    answer_fetch();
  }
  void closed(std::uint64_t connection, std::error_code error = Errc::connection_closed) {
    engine.connection_closed(now, ConnectionId{connection}, error);
  }
  // The spool hands out `lines` as the messages m1, m2, ...; `waiting` is the total number on the disk.
  void hand_out(const std::vector<std::string>& lines, std::size_t waiting) {
    DelayedBatch batch{.waiting = waiting};
    for (const std::string& line : lines) batch.messages.push_back({"m" + std::to_string(++last_message), line});
    engine.delayed_batch(now, std::move(batch));
  }
  // The whole handshake. The key is that of the first vector in docs/protocol.md.
  void handshake(std::uint64_t connection, bool with_pong = false) {
    up(connection);
    line(connection, "4711");
    line(connection, "ok");
    if (with_pong) line(connection, "msul3:data1");
    line(connection, "81234A0ABCDEF9870BCD0045678");
  }
  // Started and connected; actions and logs are cleared.
  void come_up() {
    start();
    handshake(1, true);
    take();
    logs.clear();
  }
  // Moves the clock and delivers each deadline that passes.
  void advance(Duration by) {
    const TimePoint until = now + by;
    while (armed <= until) {
      now = std::max(now, armed);
      armed = never;
      engine.deadline(now);
      answer_fetch();
    }
    now = until;
  }

  // What the engine has requested since the last call, separated by "; ".
  std::string take() {
    std::string all;
    for (const std::string& action : std::exchange(actions, {})) all += (all.empty() ? "" : "; ") + action;
    return all;
  }
  std::size_t count_logs(std::string_view beginning) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(logs, [&](const std::string& log) { return log.starts_with(beginning); }));
  }

  // --- Effects
  void reply(ClientId client, std::string_view line) override { add("reply", id(client), line); }
  void close_client(ClientId client) override { add("close client", id(client), ""); }
  void open_connection(ConnectionId connection, AttemptClass attempt) override {
    attempt_classes.push_back(attempt);
    add("open", id(connection), "");
  }
  // Lines of one write are separated by " + ".
  void write_lines(ConnectionId connection, std::string_view lines) override {
    std::string text(lines);
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 3) text.replace(at, 1, " + ");
    add("write", id(connection), text);
  }
  void set_line_limit(ConnectionId, std::size_t) override {}
  std::error_code check_quiet(ConnectionId connection) override {
    const auto at = noisy.find(id(connection));
    return at == noisy.end() ? std::error_code{} : make_error_code(Errc::connection_closed);
  }
  void close_connection(ConnectionId connection) override { add("close", id(connection), ""); }
  void set_deadline(TimePoint deadline) override { armed = deadline; }
  void fetch_delayed() override {
    if (has_spool) {
      actions.push_back("fetch");
    } else {
      is_fetch_open = true;
    }
  }
  void delayed_answered(std::string_view record, bool is_last) override {
    actions.push_back("log " + std::string(record) + (is_last ? " and fetch" : ""));
  }
  void set_aside_delayed(std::string_view reason, bool is_last) override {
    actions.push_back("set aside: " + std::string(reason) + (is_last ? " and fetch" : ""));
  }
  void delayed_failed(unsigned attempts) override { delayed_failures = attempts; }
  void return_delayed(bool first_was_sent) override {
    actions.push_back(first_was_sent ? "return, first was sent" : "return");
  }
  void log(Severity severity, std::string_view message) override {
    static constexpr std::string_view words[] = {"debug: ", "", "INFO: ", "WARNING: ", "CRITICAL: "};
    logs.push_back(std::string(words[static_cast<std::size_t>(severity)]).append(message));
  }
  void log_request(Severity severity, std::string_view command, std::string_view message) override {
    logged_commands.emplace_back(command);
    log(severity, message);
  }
  void status_changed() override { ++status_changes; }
  void drained() override { actions.push_back("drained"); }

  TimePoint now{1000s};
  TimePoint armed = never;
  std::vector<std::string> actions;
  unsigned delayed_failures = 0;  // as reported to the spool
  std::vector<std::string> logs;
  std::vector<std::string> logged_commands;  // of the log lines about a request
  std::set<std::uint64_t> noisy;  // connections with an unread end of file
  std::vector<AttemptClass> attempt_classes;  // of all attempts so far
  unsigned status_changes = 0;
  bool has_spool = false;  // the test plays the role of the spool; otherwise nothing is on the disk
  PeerEngine engine;

 private:
  void answer_fetch() {
    if (std::exchange(is_fetch_open, false)) engine.delayed_batch(now, {});
  }
  bool is_fetch_open = false;
  std::uint64_t last_message = 0;

  static std::uint64_t id(ClientId client) { return static_cast<std::uint64_t>(client); }
  static std::uint64_t id(ConnectionId connection) { return static_cast<std::uint64_t>(connection); }
  void add(std::string_view what, std::uint64_t number, std::string_view line) {
    std::string action = std::string(what) + " " + std::to_string(number);
    if (!line.empty() || what == "reply" || what == "write") action.append(" ").append(line);
    actions.push_back(std::move(action));
  }
};

}  // namespace lonc::core::test
