#include <lonc/app/setting_table.hpp>

#include "setting_builder.hpp"
#include "setting_values.hpp"

#include <lonc/app/admin_address.hpp>
#include <lonc/core/host_table.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <utility>

namespace lonc::app {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

bool is_account_name(std::string_view text) {
  return !text.empty() && text.find_first_of("/: \t") == std::string_view::npos && text[0] != '-';
}

void add_node(Builder& table) {
  const auto is_mail_address = [](std::string_view text) { return !text.starts_with('-'); };
  table.heading("The node");
  table.text(
      {"host-id", "lonHostID"}, &Settings::host_id, "an id as in hosts.tab",
      [](std::string_view text) { return core::host_id_fault(text).empty(); }, Reload::no,
      "The id of this server, as spelled in hosts.tab. There is no default: lonc does not start without it.");
  table.path({"socket-dir", "lonSockDir"}, &Settings::socket_dir, Reload::no,
             "The directory of the sockets, one for each peer, named by its id. "
             "Its subdirectory delayed holds the delayed messages.");
  table.path({"daemon-dir", "lonDaemons"}, &Settings::daemon_dir, Reload::no,
             "The directory whose subdirectory logs holds the pid file and the logs.");
  table.path({"tab-dir", "lonTabDir"}, &Settings::tab_dir, Reload::yes, "The directory that holds hosts.tab.");
  table.path({"doc-root", "lonDocRoot"}, &Settings::doc_root, Reload::yes,
             "The directory whose subdirectory lon-status holds the status files.");
  table.count<std::uint16_t>({"lond-port", "londPort"}, &Settings::lond_port, 1, 65535, Reload::per_peer,
                             "The TCP port of lond.");
  table.text({"adm-email", "lonAdmEMail"}, &Settings::adm_email, "mail addresses separated by commas, or nothing",
             is_mail_address, Reload::yes, "Who gets mail when lonc did not start because it was the wrong user.");
  table.text({"sys-email", "lonSysEMail"}, &Settings::sys_email, "mail addresses separated by commas, or nothing",
             is_mail_address, Reload::yes, "Gets the same mail as adm-email.");
}

void add_process(Builder& table) {
  table.heading("The process");
  table.text({"user"}, &Settings::user, "the name of a user", is_account_name, Reload::no,
             "The user that lonc has to be started as. It does not change its user itself.");
  table.add(
      {"socket-mode"}, "an octal mode from 0600 to 0777 that lets the owner read and write", Reload::no,
      "The permissions of the sockets. Who may write to a socket may act as this server towards its peers.",
      [](Settings& settings, std::string_view text) {
        const auto value = parse_count(text, 8);
        if (!value || *value > 0777 || (*value & 0600) != 0600) return false;
        settings.socket_mode = static_cast<unsigned>(*value);
        return true;
      },
      [](const Settings& settings) { return format_octal(settings.socket_mode); });
  table.text(
      {"socket-group"}, &Settings::socket_group, "the name of a group, or nothing",
      [](std::string_view text) { return text.empty() || is_account_name(text); }, Reload::no,
      "The group of the sockets. Empty: the group of the process.");
  table.add(
      {"sendmail"}, "an absolute path, or nothing", Reload::yes,
      "The program that sends mail. Empty, or where there is no such program: no mail is sent.",
      [](Settings& settings, std::string_view text) {
        auto value = text.empty() ? std::string() : parse_path(text);
        if (!value) return false;
        settings.sendmail = std::move(*value);
        return true;
      },
      [](const Settings& settings) { return settings.sendmail; });
  table.count<unsigned>({"threads"}, &Settings::threads, 1, 64, Reload::no,
                        "How many threads serve the peers. One is enough for most servers.");
  table.add(
      {"admin-socket"}, "an absolute path, or nothing", Reload::no,
      "The socket by which loncctl talks to lonc. Only lonc's own user and root may use it, "
      "and admin-group. Empty: logs/lonc.admin in daemon-dir.",
      [](Settings& settings, std::string_view text) {
        auto value = text.empty() ? std::string() : parse_path(text);
        if (!value) return false;
        settings.admin_socket = std::move(*value);
        return true;
      },
      [](const Settings& settings) { return settings.admin_socket; });
  table.text(
      {"admin-group"}, &Settings::admin_group, "the name of a group, or nothing",
      [](std::string_view text) { return text.empty() || is_account_name(text); }, Reload::no,
      "Members of this group may look at the status through the admin socket, which then is of this group. They may "
      "change nothing. Empty: only lonc's own user and root may use it.");
  table.text(
      {"admin-address"}, &Settings::admin_address,
      "a loopback address with a port, such as 127.0.0.1:9563 or [::1]:9563, or nothing",
      [](std::string_view text) { return text.empty() || parse_admin_address(text); }, Reload::no,
      "Where the status, the status page and the metrics can be read over HTTP by whoever can connect, that is, by "
      "everybody on this machine. Nothing can be changed there. Empty: nowhere.");
  table.add(
      {"status-interval"}, "0, or a duration from 1s to 1h", Reload::yes,
      "How often the status files are written when nothing asks for it, and the history in them gets a sample. "
      "0: only when something asks.",
      [](Settings& settings, std::string_view text) {
        const auto value = parse_duration(text);
        if (!value || (*value != core::Duration::zero() && (*value < seconds{1} || *value > hours{1}))) return false;
        settings.status_interval = *value;
        return true;
      },
      [](const Settings& settings) { return format_duration(settings.status_interval); });
}

void add_links(Builder& table) {
  constexpr auto yes = Reload::yes;
  constexpr auto per_peer = Reload::per_peer;
  table.heading("Peers");
  table.choice<HostsWithoutIp, 2>(
      {"hosts-without-ip"}, &Settings::hosts_without_ip,
      {{{"skip", HostsWithoutIp::skip}, {"resolve", HostsWithoutIp::resolve}}}, yes,
      "What becomes of a line of hosts.tab without an address: passed over, or its host name is looked up.");
  table.duration({"resolve-timeout"}, &Settings::resolve_timeout, milliseconds{100}, minutes{1}, per_peer,
                 "How long the look-up of a host name may take. After it the last good address is used.");
  table.duration({"connect-wait"}, &Settings::connect_wait, seconds{0}, minutes{5}, per_peer,
                 "How long a request waits, from the start of a first attempt to connect, before it is answered "
                 "con_lost.");
  table.duration({"connect-timeout"}, &Settings::connect_timeout, milliseconds{100}, minutes{10}, per_peer,
                 "How long each step of an attempt to connect may take: the TCP connection, and every answer of the "
                 "handshake. The look-up of the name and the answer to pong have deadlines of their own.");
  table.duration({"pong-timeout"}, &Settings::pong_timeout, milliseconds{100}, minutes{10}, per_peer,
                 "How long lond may take to answer pong, for which it calls this server back.");
  table.duration({"request-timeout"}, &Settings::request_timeout, milliseconds{100}, hours{24}, per_peer,
                 "How long a request may take from the moment it was accepted. After it the request is answered "
                 "con_lost, and its connection is closed and never used again.");
  table.duration({"idle-timeout"}, &Settings::idle_timeout, seconds{0}, hours{24}, per_peer,
                 "How long a connection beyond min-connections is kept without use.");
  table.duration({"exit-timeout"}, &Settings::exit_timeout, seconds{0}, minutes{1}, per_peer,
                 "How long the answer to exit is waited for when a connection is ended.");
  table.duration({"drain-timeout"}, &Settings::drain_timeout, seconds{0}, minutes{10}, yes,
                 "How long lonc, told to stop, lets requests in flight come to their end.");
  table.duration({"backoff-first"}, &Settings::backoff_first, milliseconds{100}, hours{1}, per_peer,
                 "The longest pause after the first failed attempt to connect. The pause is drawn at random up to a "
                 "bound that doubles with each failure; attempts never begin less than a second apart.");
  table.duration({"backoff-longest"}, &Settings::backoff_longest, milliseconds{100}, hours{24}, per_peer,
                 "The bound of these pauses that is never exceeded.");
  table.seconds({"keepalive-idle"}, &Settings::keepalive_idle, seconds{1}, hours{9},
                "How long a connection is silent before TCP asks whether the peer is still there.");
  table.seconds({"keepalive-interval"}, &Settings::keepalive_interval, seconds{1}, hours{1},
                "The time between two such questions.");
  table.count<unsigned>(
      {"keepalive-count"}, &Settings::keepalive_count, 1, 100, per_peer,
      "After how many unanswered questions the connection is closed, if tcp-user-timeout does not close it "
      "before: that counts for these questions, too.");
  table.duration({"tcp-user-timeout"}, &Settings::tcp_user_timeout, seconds{0}, hours{1}, per_peer,
                 "How long sent data may stay unacknowledged before the connection is closed. 0: the system's rule.");
  table.count<unsigned>({"min-connections"}, &Settings::min_connections, 1, 1000, per_peer,
                        "How many connections are kept open to each peer.");
  table.count<unsigned>({"max-connections"}, &Settings::max_connections, 1, 1000, per_peer,
                        "How many connections a peer gets when all are busy. Each is a process on the peer.");
  table.count<unsigned>({"max-attempts"}, &Settings::max_attempts, 0, 1'000'000, per_peer,
                        "After how many failed attempts in a row a peer is given up until SIGUSR1 or a reload. "
                        "0: never.");
  table.count<unsigned>(
      {"max-connecting"}, &Settings::max_connecting, 1, 100'000, yes,
      "How many attempts to connect begin at once, all peers together. One that has taken a quarter of a second "
      "makes room for the next, so that dead peers hold up no other.");
  table.count<unsigned>({"pipeline-depth"}, &Settings::pipeline_depth, 1, 1024, per_peer,
                        "How many requests may be written to a connection together, where that many wait and the peer "
                        "is quick. Nothing is added while they are in flight, a ping ends them, and nobody is answered "
                        "before all answers are there. 1: one at a time and no ping behind it, so that a line too many "
                        "can reach another client.");
  table.commands({"pipeline-safe"}, &Settings::pipeline_safe,
                 "The commands that may be written together with others: such that are quick and only read. Should the "
                 "connection break, they may have been carried out although con_lost is the answer.");
  table.duration({"pipeline-trust"}, &Settings::pipeline_trust, seconds{0}, hours{24}, per_peer,
                 "How long requests go one at a time to a peer that has sent a line that was not asked for, has left "
                 "one out, or does not answer the ping.");
}

void add_delayed(Builder& table) {
  constexpr auto yes = Reload::yes;
  constexpr auto per_peer = Reload::per_peer;
  table.heading("Delayed messages");
  table.duration({"delayed-min-age"}, &Settings::delayed_min_age, seconds{0}, hours{1}, yes,
                 "How long the file of a delayed message is left alone after its last change. Who wrote it reads it "
                 "back two seconds later and takes it for lost when it is gone.");
  table.add(
      {"delayed-first"}, "a duration from 0s to 24h, or strict", per_peer,
      "How long, after a connection to a peer has come about, its delayed messages go before live requests. Then both "
      "alternate. strict: until all that were there are sent.",
      [](Settings& settings, std::string_view text) {
        const auto value = text == "strict" ? core::Duration::max() : parse_duration(text);
        if (!value || (*value > hours{24} && text != "strict")) return false;
        settings.delayed_first = *value;
        return true;
      },
      [](const Settings& settings) {
        return settings.delayed_first == core::Duration::max() ? "strict" : format_duration(settings.delayed_first);
      });
  table.duration({"delayed-timeout"}, &Settings::delayed_timeout, milliseconds{100}, hours{24}, per_peer,
                 "How long the peer may take to answer a delayed message. After it the connection is closed, and the "
                 "message is sent again.");
  table.count<unsigned>(
      {"delayed-max-attempts"}, &Settings::delayed_max_attempts, 1, 1'000'000, per_peer,
      "After how many failures in a row a delayed message is set aside in delayed/quarantine, so "
      "that it does not stop those behind it. A failure counts when the peer has answered something else "
      "since.");
  table.count<unsigned>({"delayed-sync-batch"}, &Settings::delayed_sync_batch, 1, 1000, yes,
                        "How many delayed messages that were answered share one sync of the disk. So many may arrive "
                        "twice when the power fails. 1 is the strictest and the slowest.");
  table.duration({"delayed-rescan"}, &Settings::delayed_rescan, seconds{1}, hours{24}, yes,
                 "How often the directory of delayed messages is read anew, for what the system did not tell.");
}

void add_limits(Builder& table) {
  table.heading("Limits");
  table.count<unsigned>(
      {"max-clients"}, &Settings::max_clients, 1, 1'000'000, Reload::yes,
      "How many local programs are served at once, all peers together. The clients of one peer have at most "
      "half of these places. More are answered con_lost.");
  table.count<unsigned>({"max-queue"}, &Settings::max_queue, 1, 10'000'000, Reload::per_peer,
                        "How many requests wait for a connection to a peer. More are answered con_lost.");
  table.size({"max-line-length"}, &Settings::max_line_length, 1024, std::size_t{1024} * 1024 * 1024,
             "The longest request and the longest reply.");
  table.size({"max-client-memory"}, &Settings::max_client_memory, std::size_t{1024} * 1024,
             std::size_t{1024} * 1024 * 1024,
             "What the requests of more than 20 kB and the answers that clients have not read may take, all peers "
             "together; those of one peer at most half of it. More are answered con_lost. At least four times "
             "max-line-length is allowed.");
}

void add_log(Builder& table) {
  using core::Severity;
  table.heading("The log");
  // A word per level that one would choose: `info` is all that is not for debugging, with or without INFO before it.
  table.choice<Severity, 4>({"log-level"}, &Settings::log_level,
                            {{{"debug", Severity::debug},
                              {"info", Severity::notice},
                              {"warning", Severity::warning},
                              {"critical", Severity::critical}}},
                            Reload::yes, "The least severity that is written, in rising order.");
  table.choice<LogTarget, 5>({"log-target"}, &Settings::log_target,
                             {{{"auto", LogTarget::automatic},
                               {"file", LogTarget::file},
                               {"stderr", LogTarget::standard_error},
                               {"both", LogTarget::both},
                               {"journal", LogTarget::journal}}},
                             Reload::no,
                             "Where the log is written: to logs/lonc.log in daemon-dir, to standard error, to both, or "
                             "to systemd's journal with fields of its own (PEER, COMMAND, STATE). auto: to the file, "
                             "and where systemd has started lonc, to the journal as well.");
  table.count<unsigned>({"log-queue"}, &Settings::log_queue, 16, 1'000'000, Reload::no,
                        "How many log lines wait for a slow disk. More are dropped, counted and told.");
}

std::vector<Setting> make_table() {
  Builder table;
  add_node(table);
  add_process(table);
  add_links(table);
  add_delayed(table);
  add_limits(table);
  add_log(table);
  return table.take();
}

// The number of single bytes to insert, remove or replace to make one of the other. Letter case and `_` for `-`
// are no difference.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  const auto plain = [](char c) {
    if (c == '_') return '-';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j < row.size(); ++j) {
      const auto replaced = diagonal + (plain(a[i - 1]) == plain(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

const std::vector<Setting>& setting_table() {
  static const std::vector<Setting> table = make_table();
  return table;
}

const Setting* find_setting(std::string_view name_or_alias) {
  for (const auto& setting : setting_table()) {
    if (setting.name == name_or_alias) return &setting;
  }
  return find_setting_by_alias(name_or_alias);
}

const Setting* find_setting_by_alias(std::string_view alias) {
  if (alias.empty()) return nullptr;
  for (const auto& setting : setting_table()) {
    if (setting.alias == alias) return &setting;
  }
  return nullptr;
}

std::string_view nearest_setting_name(std::string_view name) {
  constexpr std::size_t longest_sensible = 64;
  if (name.size() > longest_sensible) return {};
  std::string_view nearest;
  auto least = std::numeric_limits<std::size_t>::max();
  for (const auto& setting : setting_table()) {
    for (const std::string_view candidate : {std::string_view(setting.name), std::string_view(setting.alias)}) {
      if (candidate.empty()) continue;
      const auto distance = edit_distance(name, candidate);
      if (distance < least && distance <= candidate.size() / 3) {
        least = distance;
        nearest = candidate;
      }
    }
  }
  return nearest;
}

std::optional<core::Severity> parse_log_level(std::string_view word) {
  Settings settings;
  if (!find_setting("log-level")->set(settings, word)) return std::nullopt;
  return settings.log_level;
}

std::string log_level_word(core::Severity level) {
  Settings settings;
  settings.log_level = level;
  return find_setting("log-level")->get(settings);
}

std::string log_level_words() { return find_setting("log-level")->accepts; }

Settings settings_of(const Settings& settings, const std::string& peer_id) {
  Settings own = settings;
  const auto peer = settings.of_peers.find(peer_id);
  if (peer == settings.of_peers.end()) return own;
  for (const auto& [name, value] : peer->second) find_setting(name)->set(own, value);
  return own;
}

std::vector<std::string> keep_not_reloadable(const Settings& running, Settings& loaded) {
  std::vector<std::string> kept;
  for (const auto& setting : setting_table()) {
    if (setting.reloadable) continue;
    const auto value = setting.get(running);
    if (setting.get(loaded) == value) continue;
    setting.set(loaded, value);
    kept.push_back(setting.name);
  }
  return kept;
}

}  // namespace lonc::app
