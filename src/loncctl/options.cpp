#include "options.hpp"

#include <lonc/app/settings_options.hpp>

#include <boost/program_options/options_description.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>
#include <string_view>

namespace lonc::ctl {

namespace {

namespace po = boost::program_options;

constexpr std::size_t line_width = 78;

struct CommandOptions {
  std::string_view command;
  std::vector<std::string_view> options;
};

// Which of the options below each command takes.
const std::vector<CommandOptions>& commands() {
  static const std::vector<CommandOptions> all{
      {"status", {"json"}},
      {"top", {"interval", "count"}},
      {"check", {"json", "timeout", "http-port"}},
      {"call", {"encrypt", "timeout"}},
      {"reconnect", {"all", "json"}},
      {"drain", {"json"}},
      {"reload", {"force", "json"}},
      {"log-level", {"json"}},
      {"probe", {"timeout", "http-port"}},
      {"hosts", {}},
      {"queue", {"peer", "all", "quarantine", "limit", "json"}},
      {"send", {"delayed", "json"}},
  };
  return all;
}

po::options_description command_options() {
  po::options_description description("Options of the commands", line_width);
  auto add = description.add_options();
  const auto seconds = [] { return po::value<double>()->value_name("SECONDS"); };
  add("json", "the answer as JSON, for programs");
  add("interval", seconds(), "top: between two looks (2)");
  add("count", po::value<std::size_t>()->value_name("NUMBER"), "top: ends after so many looks");
  add("encrypt", "call: the request travels encrypted");
  add("timeout", seconds(),
      "call: how long the answer is waited for (a little more than request-timeout); check, probe: how long each "
      "step at another server may take (5), and for check lonc itself (10)");
  add("http-port", po::value<unsigned>()->value_name("PORT"), "check, probe: port of the web servers (80)");
  add("peer", po::value<std::string>()->value_name("ID"), "queue: all messages for this host");
  add("all", "reconnect: all peers; queue: all messages");
  add("quarantine", "queue: those that were set aside, not those that wait (list, show, drop)");
  add("force", "reload: also if this server or most peers have gone from hosts.tab");
  add("limit", po::value<std::size_t>()->value_name("NUMBER"), "queue: how many are listed at most (1000)");
  add("delayed", "send: leave it as a delayed message");
  return description;
}

po::options_description general_options() {
  po::options_description description("Where lonc is found, as for lonc itself", line_width);
  app::add_settings_options(description);
  auto add = description.add_options();
  add("version", "print the version");
  add("help,h", "print this text");
  return description;
}

std::optional<std::chrono::milliseconds> seconds_of(const po::variables_map& values, const char* name) {
  constexpr double longest = 86'400;
  if (values.count(name) == 0) return std::nullopt;
  const auto seconds = values[name].as<double>();
  if (!(seconds >= 0.001 && seconds <= longest))
    throw app::UsageError("--" + std::string(name) + " takes seconds from 0.001 to 86400; correct it");
  return std::chrono::milliseconds{std::llround(seconds * 1000)};
}

std::uint16_t port_of(const po::variables_map& values) {
  constexpr unsigned highest = 65'535;
  if (values.count("http-port") == 0) return Options{}.http_port;
  const auto port = values["http-port"].as<unsigned>();
  if (port == 0 || port > highest) throw app::UsageError("--http-port takes a port from 1 to 65535; correct it");
  return static_cast<std::uint16_t>(port);
}

void take_command_options(const po::variables_map& values, Options& options) {
  if (values.count("peer") != 0) options.peer = values["peer"].as<std::string>();
  options.is_all = values.count("all") != 0;
  options.in_quarantine = values.count("quarantine") != 0;
  options.is_json = values.count("json") != 0;
  options.is_forced = values.count("force") != 0;
  options.is_delayed = values.count("delayed") != 0;
  options.is_encrypted = values.count("encrypt") != 0;
  if (values.count("limit") != 0) options.limit = values["limit"].as<std::size_t>();
  if (values.count("count") != 0) options.count = values["count"].as<std::size_t>();
  options.interval = seconds_of(values, "interval");
  options.timeout = seconds_of(values, "timeout");
  options.http_port = port_of(values);
}

void check_command(const po::variables_map& values, const std::string& command) {
  const auto known = std::ranges::find(commands(), command, &CommandOptions::command);
  if (known == commands().end())
    throw app::UsageError("there is no command `" + command + "`; loncctl --help lists them all");
  const po::options_description of_commands = command_options();
  for (const auto& option : of_commands.options()) {
    const std::string& name = option->long_name();
    if (values.count(name) != 0 && std::ranges::find(known->options, name) == known->options.end())
      throw app::UsageError("--" + name + " is not for " + command + "; leave it out");
  }
}

constexpr std::string_view usage =
    "Usage: loncctl status [HOST] [--json]\n"
    "       loncctl top [--interval SECONDS] [--count NUMBER]\n"
    "       loncctl check [--json] [--timeout SECONDS] [--http-port PORT]\n"
    "       loncctl call HOST [LINE | -] [--encrypt] [--timeout SECONDS]\n"
    "       loncctl reconnect HOST... | --all\n"
    "       loncctl drain HOST...\n"
    "       loncctl reload [--force]\n"
    "       loncctl log-level [debug | info | warning | critical]\n"
    "       loncctl probe LOCAL REMOTE [--timeout SECONDS] [--http-port PORT]\n"
    "       loncctl hosts\n"
    "       loncctl queue list [NAME... | --peer ID] [--quarantine] [--limit NUMBER] [--json]\n"
    "       loncctl queue show NAME... [--quarantine] [--json]\n"
    "       loncctl queue retry|hold|release NAME... | --peer ID | --all [--json]\n"
    "       loncctl queue drop NAME... | --peer ID | --all [--quarantine] [--json]\n"
    "       loncctl send --delayed HOST < COMMAND\n"
    "Looks after lonc, its peers and its delayed messages.\n\n"
    "Commands:\n"
    "  status         the peers, those in trouble first; or one peer in detail\n"
    "  top            the same live, with rates; q ends it\n"
    "  check          what is wrong with this node, and what to do about it\n"
    "  call           one request to HOST, as the web server's workers ask; without LINE from standard input\n"
    "  reconnect      try these peers now, and put those that were drained back into service\n"
    "  drain          take peers out of service, until reconnect, reload or restart\n"
    "  reload         read settings and hosts.tab anew, as SIGHUP does\n"
    "  log-level      show or set how much is logged, until the next reload or restart\n"
    "  probe          ask the web server of LOCAL whether REMOTE can be reached from there\n"
    "  hosts          the ids of all hosts that lonc serves\n"
    "  queue list     what waits: peer, age, command word, failed attempts\n"
    "  queue show     one message, and whether it could be sent as it is\n"
    "  queue retry    forget failures and try now\n"
    "  queue hold     set aside by hand, in the quarantine\n"
    "  queue drop     delete\n"
    "  queue release  from the quarantine back to those that wait\n"
    "  send           leave one command line, from standard input, for HOST\n\n";

}  // namespace

Options parse_options(const std::vector<std::string>& arguments) {
  po::options_description all;
  all.add(command_options()).add(general_options());
  const app::ParsedOptions parsed = app::parse_options(arguments, all, "loncctl");
  const auto& values = parsed.values;
  Options options;
  app::take_settings_options(values, options.settings);
  options.help = values.count("help") != 0;
  options.version = values.count("version") != 0;
  take_command_options(values, options);
  if (options.help || options.version) return options;
  if (parsed.words.empty()) throw app::UsageError("no command was given; loncctl --help lists them all");
  options.command = parsed.words.front();
  options.words.assign(parsed.words.begin() + 1, parsed.words.end());
  check_command(values, options.command);
  return options;
}

std::string help_text() {
  std::ostringstream out;
  out << usage << command_options() << "\n"
      << general_options()
      << "\nExit status: 0 done; 1 failed, or not all was done, or check found something; 2 usage;\n"
         "3 lonc, its settings or its directory can not be used; 4 there is no such message or\n"
         "host; of call: 5 con_lost, 6 an error, 7 no answer in time.\n";
  return out.str();
}

}  // namespace lonc::ctl
