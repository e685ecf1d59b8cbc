#include "node/config/setting_kinds.hpp"

#include <lonc/core/base/text.hpp>
#include <lonc/core/hosts/host_table.hpp>
#include <lonc/node/config/admin_access.hpp>
#include <lonc/node/config/settings.hpp>

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

namespace lonc::node {

namespace {

using namespace std::chrono_literals;
using core::PeerSettings;
using core::SpoolOptions;
using net::KeepAlive;
using net::PeerConfig;

// Where a value is in Settings: the chain of members that leads to it.
auto at(auto... members) {
  return [=](auto& settings) -> auto& { return (settings.*....*members); };
}
auto peer(auto member) { return at(&Settings::peer, member); }
auto engine(auto member) { return at(&Settings::peer, &PeerConfig::engine, member); }
auto keep_alive(auto member) { return at(&Settings::peer, &PeerConfig::keep_alive, member); }
auto spool(auto member) { return at(&Settings::delayed, &net::DelayedSettings::spool, member); }
auto log(auto member) { return at(&Settings::log, member); }

enum class Reload {
  no,
  yes,
  per_peer,  // yes, and may be set for a single peer: only net::PeerConfig holds it
};
using enum Reload;

// Builds the table, heading by heading.
class Builder {
 public:
  struct Names {
    std::string_view name;
    std::string_view alias = {};
  };

  void heading(std::string_view group) { group_ = group; }

  // `field` is a member of Settings, or leads to one.
  template <typename Field, typename Value>
  void add(Names names, Field field, const Kind<Value>& kind, Reload reload, std::string_view help) {
    using Held = std::remove_reference_t<std::invoke_result_t<Field, Settings&>>;
    const auto set = [field, parse = kind.parse](Settings& settings, std::string_view text) {
      auto value = parse(text);
      if (!value) return false;
      std::invoke(field, settings) = static_cast<Held>(*std::move(value));
      return true;
    };
    const auto get = [field, format = kind.format](const Settings& settings) {
      return format(std::invoke(field, settings));
    };
    table_.push_back({.name = std::string(names.name),
                      .alias = std::string(names.alias),
                      .group = group_,
                      .accepts = kind.accepts,
                      .reloadable = reload != no,
                      .per_peer = reload == per_peer,
                      .help = std::string(help),
                      .set = set,
                      .get = get,
                      .default_text = get(defaults_)});
  }

  std::vector<Setting> take() { return std::move(table_); }

 private:
  const Settings defaults_{};
  std::string group_;
  std::vector<Setting> table_;
};

bool is_account_name(std::string_view text) {
  return !text.empty() && text.find_first_of("/: \t") == std::string_view::npos && text[0] != '-';
}

std::vector<Setting> make_table() {
  constexpr std::uint64_t mebi = 1024 * 1024;
  const auto addresses = text("mail addresses separated by commas, or nothing",
                              [](std::string_view text) { return !text.starts_with('-'); });
  Builder table;

  table.heading("The node");
  table.add({"host-id", "lonHostID"}, &Settings::host_id,
            text("an id as in hosts.tab", [](std::string_view text) { return core::host_id_fault(text).empty(); }), no,
            "The id of this server, as spelled in hosts.tab. There is no default: lonc does not start without it.");
  table.add({"socket-dir", "lonSockDir"}, &Settings::socket_dir, path(), no,
            "The directory of the sockets, one for each peer, named by its id. Its subdirectory delayed holds the "
            "delayed messages.");
  table.add({"daemon-dir", "lonDaemons"}, &Settings::daemon_dir, path(), no,
            "The directory whose subdirectory logs holds the pid file and the logs.");
  table.add({"tab-dir", "lonTabDir"}, &Settings::tab_dir, path(), yes, "The directory that holds hosts.tab.");
  table.add({"doc-root", "lonDocRoot"}, &Settings::doc_root, path(), yes,
            "The directory whose subdirectory lon-status holds the status files.");
  table.add({"lond-port", "londPort"}, peer(&PeerConfig::port), count(1, 65535), per_peer, "The TCP port of lond.");
  table.add({"adm-email", "lonAdmEMail"}, &Settings::adm_email, addresses, yes,
            "Who gets mail when lonc does not start because it was started as the wrong user.");
  table.add({"sys-email", "lonSysEMail"}, &Settings::sys_email, addresses, yes, "Gets the same mail as adm-email.");

  table.heading("The process");
  table.add({"user"}, &Settings::user, text("the name of a user", is_account_name), no,
            "The user that lonc must be started as. It does not change its user itself.");
  table.add(
      {"socket-mode"}, peer(&PeerConfig::socket_mode), mode(), no,
      "The permissions of the sockets. Anyone who may write to a socket can act as this server towards its peers.");
  table.add({"socket-group"}, peer(&PeerConfig::socket_group), or_nothing(text("the name of a group", is_account_name)),
            no, "The group of the sockets. Empty: the group of the process.");
  table.add({"sendmail"}, &Settings::sendmail, or_nothing(path()), yes,
            "The program that sends mail. Empty, or where there is no such program: no mail is sent.");
  table.add({"threads"}, &Settings::threads, count(1, 64), no,
            "How many threads serve the peers. One is enough for most servers.");
  table.add({"admin-socket"}, &Settings::admin_socket, or_nothing(path()), no,
            "The socket by which loncctl talks to lonc. Only lonc's own user, root and admin-group may use it. Empty: "
            "logs/lonc.admin in daemon-dir.");
  table.add({"admin-group"}, &Settings::admin_group, or_nothing(text("the name of a group", is_account_name)), no,
            "Members of this group may read the status through the admin socket, which then belongs to this group. "
            "They may change nothing. Empty: only lonc's own user and root may use it.");
  table.add({"admin-address"}, &Settings::admin_address,
            or_nothing(text("a loopback address with a port, such as 127.0.0.1:9563 or [::1]:9563",
                            [](std::string_view text) { return parse_admin_address(text).has_value(); })),
            no,
            "Where the status, the status page and the metrics can be read over HTTP by anyone who can connect, that "
            "is, by everybody on this machine. Nothing can be changed there. Empty: nowhere.");
  table.add({"status-interval"}, &Settings::status_interval, zero_or(duration(1s, 1h)), yes,
            "How often the status files are written, and the history in them gets a sample, even if no event requires "
            "it. 0: only at such events.");

  table.heading("Peers");
  table.add({"hosts-without-ip"}, &Settings::hosts_without_ip,
            choice<HostsWithoutIp>({{"skip", HostsWithoutIp::skip}, {"resolve", HostsWithoutIp::resolve}}), yes,
            "What happens to a line of hosts.tab without an address: it is skipped, or its host name is looked up.");
  table.add({"resolve-timeout"}, peer(&PeerConfig::resolve_timeout), duration(100ms, 1min), per_peer,
            "How long the lookup of a host name may take. After that, the last good address is used.");
  table.add({"connect-wait"}, engine(&PeerSettings::connect_wait), duration(0s, 5min), per_peer,
            "How long a request waits, from the start of a first attempt to connect, before it is answered con_lost.");
  table.add({"connect-timeout"}, engine(&PeerSettings::connect_timeout), duration(100ms, 10min), per_peer,
            "How long each step of an attempt to connect may take: the TCP connection, and every answer of the "
            "handshake. The lookup of the name and the answer to pong have deadlines of their own.");
  table.add({"pong-timeout"}, engine(&PeerSettings::pong_timeout), duration(100ms, 10min), per_peer,
            "How long lond may take to answer pong, for which it calls this server back.");
  table.add({"request-timeout"}, engine(&PeerSettings::request_timeout), duration(100ms, 24h), per_peer,
            "How long a request may take from the moment it was accepted. After that, the request is answered "
            "con_lost, and its connection is closed and never used again.");
  table.add({"idle-timeout"}, engine(&PeerSettings::idle_timeout), duration(0s, 24h), per_peer,
            "How long a connection beyond min-connections is kept without use.");
  table.add({"exit-timeout"}, engine(&PeerSettings::exit_timeout), duration(0s, 1min), per_peer,
            "How long to wait for the answer to exit when a connection is closed.");
  table.add({"drain-timeout"}, &Settings::drain_timeout, duration(0s, 10min), yes,
            "How long requests in flight may take to finish when lonc is stopped or a peer is drained.");
  table.add({"backoff-first"}, engine(&PeerSettings::backoff_first), duration(100ms, 1h), per_peer,
            "The longest pause after the first failed attempt to connect. The pause is drawn at random up to a bound "
            "that doubles with each failure; attempts never begin less than a second apart.");
  table.add({"backoff-longest"}, engine(&PeerSettings::backoff_longest), duration(100ms, 24h), per_peer,
            "The longest pause between two attempts to connect.");
  table.add({"keepalive-idle"}, keep_alive(&KeepAlive::idle), whole_seconds(1s, 9h), per_peer,
            "How long a connection is silent before TCP probes whether the peer is still there.");
  table.add({"keepalive-interval"}, keep_alive(&KeepAlive::interval), whole_seconds(1s, 1h), per_peer,
            "The time between two such probes.");
  table.add({"keepalive-count"}, keep_alive(&KeepAlive::count), count(1, 100), per_peer,
            "After how many unanswered probes the connection is closed, unless tcp-user-timeout closes it before: that "
            "applies to these probes, too.");
  table.add({"tcp-user-timeout"}, keep_alive(&KeepAlive::user_timeout), duration(0s, 1h), per_peer,
            "How long sent data may stay unacknowledged before the connection is closed. 0: the system's rule.");
  table.add({"min-connections"}, engine(&PeerSettings::min_connections), count(1, 1000), per_peer,
            "How many connections are kept open to each peer.");
  table.add({"max-connections"}, engine(&PeerSettings::max_connections), count(1, 1000), per_peer,
            "How many connections a peer gets when all are busy. Each is a process on the peer.");
  table.add({"max-attempts"}, engine(&PeerSettings::max_attempts), count(0, 1'000'000), per_peer,
            "After how many failed attempts in a row a peer is given up until SIGUSR1 or a reload. 0: never.");
  table.add({"max-connecting"}, &Settings::max_connecting, count(1, 100'000), yes,
            "How many attempts to connect begin at once, all peers together. One that has taken a quarter of a second "
            "makes room for the next, so that dead peers do not delay the others.");
  table.add(
      {"pipeline-depth"}, engine(&PeerSettings::pipeline_depth), count(1, 1024), per_peer,
      "How many requests may be written to a connection together, if that many wait and the peer is quick. Nothing is "
      "added while they are in flight, a ping follows them, and no client is answered before all answers have arrived. "
      "1: one at a time and no ping after it, so that an additional line can reach another client.");
  table.add({"pipeline-safe"}, engine(&PeerSettings::pipeline_safe), commands(), per_peer,
            "The commands that may be written together with others; they must be quick and read-only. If the "
            "connection breaks, they may have been carried out although the answer is con_lost.");
  table.add({"pipeline-trust"}, engine(&PeerSettings::pipeline_trust), duration(0s, 24h), per_peer,
            "How long requests go one at a time to a peer that sent an unsolicited line, omitted one, or does not "
            "answer the ping.");

  table.heading("Delayed messages");
  table.add({"delayed-min-age"}, spool(&SpoolOptions::min_age), duration(0s, 1h), yes,
            "How long the file of a delayed message is left alone after its last change. Its writer reads it again two "
            "seconds later and reports it as lost if it is gone.");
  table.add({"delayed-first"}, engine(&PeerSettings::delayed_first),
            or_word(duration(0s, 24h), "strict", core::Duration::max()), per_peer,
            "How long, after a connection to a peer was established, its delayed messages go before live requests. "
            "Then both alternate. strict: until all that were waiting are sent.");
  table.add({"delayed-timeout"}, engine(&PeerSettings::delayed_timeout), duration(100ms, 24h), per_peer,
            "How long the peer may take to answer a delayed message. After that, the connection is closed, and the "
            "message is sent again.");
  table.add({"delayed-max-attempts"}, engine(&PeerSettings::delayed_max_attempts), count(1, 1'000'000), per_peer,
            "After how many failures in a row a delayed message is quarantined, so that it does not block those behind "
            "it. A failure counts when the peer has answered something else since.");
  table.add({"delayed-sync-batch"}, spool(&SpoolOptions::batch), count(1, 1000), yes,
            "How many answered delayed messages of a peer share one sync of the disk. That many of each peer may "
            "arrive twice if the power fails. 1 is the strictest and the slowest.");
  table.add({"delayed-rescan"}, at(&Settings::delayed, &net::DelayedSettings::rescan), duration(1s, 24h), yes,
            "How often the directory of delayed messages is scanned for changes that the system did not report.");

  table.heading("Limits");
  table.add({"max-clients"}, &Settings::max_clients, count(1, 1'000'000), yes,
            "How many local programs are served at once, all peers together. The clients of one peer have at most half "
            "of these places. When only a sixteenth of them is free, programs that have been idle for more than ten "
            "minutes are disconnected, the longest idle first; if that is not enough, those idle for more than one "
            "minute, then for more than ten seconds. Further ones are answered con_lost.");
  table.add({"max-queue"}, engine(&PeerSettings::max_queue), count(1, 10'000'000), per_peer,
            "How many requests may wait for a connection to a peer. Further ones are answered con_lost.");
  table.add({"max-line-length"}, engine(&PeerSettings::max_line_length), size(1024, 1024 * mebi), yes,
            "The longest request and the longest reply.");
  table.add({"max-client-memory"}, &Settings::max_client_memory, size(mebi, 1024 * mebi), yes,
            "The memory for requests of more than 20 kB, for answers that are still arriving and for those that "
            "clients have not read yet, all peers together; one peer may use at most half of it. Requests for which "
            "there is none are answered con_lost. At least four times max-line-length is allowed.");

  table.heading("The log");
  // One word for each level worth choosing. `info` includes all lines that are not for debugging, with or without the
  // prefix INFO.
  table.add({"log-level"}, log(&LogOptions::level),
            choice<core::Severity>({{"debug", core::Severity::debug},
                                    {"info", core::Severity::routine},
                                    {"warning", core::Severity::warning},
                                    {"critical", core::Severity::critical}}),
            yes, "The lowest severity that is logged; the values are in rising order.");
  table.add({"log-target"}, log(&LogOptions::target),
            choice<LogTarget>({{"auto", LogTarget::automatic},
                               {"file", LogTarget::file},
                               {"stderr", LogTarget::standard_error},
                               {"both", LogTarget::both},
                               {"journal", LogTarget::journal}}),
            no,
            "Where the log is written: to logs/lonc.log in daemon-dir, to standard error, to both, or to systemd's "
            "journal with fields of its own (PEER, COMMAND, STATE). auto: to the file, and where systemd has started "
            "lonc, to the journal as well.");
  table.add(
      {"log-queue"}, log(&LogOptions::queue), count(16, 1'000'000), no,
      "How many log lines may wait for a slow disk. If there are more, lines are dropped, and their number is logged.");

  return table.take();
}

// The number of single bytes to insert, remove or replace to turn one into the other. Ignores case, and treats `_` and
// `-` as equal.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  const auto plain = [](char c) { return c == '_' ? '-' : core::to_lower(c); };
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
  const auto found = std::ranges::find(setting_table(), name_or_alias, &Setting::name);
  return found != setting_table().end() ? &*found : find_setting_by_alias(name_or_alias);
}

const Setting* find_setting_by_alias(std::string_view alias) {
  const auto found = std::ranges::find(setting_table(), alias, &Setting::alias);
  return found != setting_table().end() && !alias.empty() ? &*found : nullptr;
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
  return find_setting("log-level")->set(settings, word) ? std::optional(settings.log.level) : std::nullopt;
}

std::string log_level_word(core::Severity level) {
  Settings settings;
  settings.log.level = level;
  return find_setting("log-level")->get(settings);
}

std::string log_level_words() { return find_setting("log-level")->accepts; }

Settings settings_of(const Settings& settings, const std::string& peer_id) {
  Settings own;
  own.peer = settings.peer;
  const auto values = settings.of_peers.find(peer_id);
  if (values == settings.of_peers.end()) return own;
  for (const auto& [name, value] : values->second) find_setting(name)->set(own, value);
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

}  // namespace lonc::node
