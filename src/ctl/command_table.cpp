#include "command_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <utility>

namespace lonc::ctl {

namespace {

constexpr Option json{"json", "", "the answer as JSON, for programs"};
constexpr Option http_port{"http-port", "PORT", "port of the web servers (80)"};
constexpr Option step_timeout{
    "timeout", "SECONDS",
    "how long each step at another server may take (5); check also waits this long for lonc itself (10)"};

bool is_placeholder(std::string_view word) { return !word.empty() && word.front() >= 'A' && word.front() <= 'Z'; }

// Spaces separate words; brackets are words of their own.
std::vector<std::string> words_of(std::string_view synopsis) {
  std::string spaced;
  for (const char c : synopsis) {
    if (c == ']') spaced += ' ';
    spaced += c;
    if (c == '[') spaced += ' ';
  }
  std::istringstream in(spaced);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// Takes the "..." off the word; false if there is none.
bool take_repetition(std::string& word) {
  constexpr std::string_view repeated = "...";
  if (!word.ends_with(repeated)) return false;
  word.resize(word.size() - repeated.size());
  return true;
}

std::string macro_of(std::string word) {
  if (word == "|") return word;
  if (word.starts_with("--")) return "Fl Fl " + word.substr(2);
  if (!is_placeholder(word)) return "Cm " + word;
  const bool is_repeated = take_repetition(word);
  return "Ar " + word + (is_repeated ? " ..." : "");
}

}  // namespace

const std::vector<Command>& command_table() {
  static const std::vector<Command> table{
      {.name = "status",
       .run = run_status_command,
       .forms = {{"status", "[HOST] [--json]", "the peers, those in trouble first; or one peer in detail"}},
       .options = {json}},
      {.name = "top",
       .run = run_top_command,
       .forms = {{"top", "[--interval SECONDS] [--count NUMBER]", "the same live, with rates; q ends it"}},
       .options = {{"interval", "SECONDS", "time between two updates (2)"},
                   {"count", "NUMBER", "end after this many updates"}}},
      {.name = "check",
       .run = run_check_command,
       .forms = {{"check", "[--json] [--timeout SECONDS] [--http-port PORT]",
                  "what is wrong with this node, and what to do about it"}},
       .options = {json, step_timeout, http_port}},
      {.name = "call",
       .run = run_call_command,
       .forms = {{"call", "HOST [LINE | -] [--encrypt] [--timeout SECONDS]",
                  "send one request to HOST, as the web server's workers do; without LINE, from standard input"}},
       .options =
           {{"encrypt", "", "the request travels encrypted"},
            {"timeout", "SECONDS",
             "how long to wait for the answer (a little more than request-timeout, after which lonc itself answers)"}}},
      {.name = "reconnect",
       .run = run_reconnect_command,
       .forms = {{"reconnect", "HOST... | --all [--json]",
                  "try these peers now, and put those that were drained back into service"}},
       .options = {{"all", "", "all peers except those that were drained"}, json}},
      {.name = "drain",
       .run = run_drain_command,
       .forms = {{"drain", "HOST... [--json]", "take peers out of service, until reconnect, reload or restart"}},
       .options = {json}},
      {.name = "reload",
       .run = run_reload_command,
       .forms = {{"reload", "[--force] [--json]", "read settings and hosts.tab again, as SIGHUP does"}},
       .options = {{"force", "", "also if this server or most peers are missing from hosts.tab"}, json}},
      {.name = "log-level",
       .run = run_log_level_command,
       .forms = {{"log-level", "[debug | info | warning | critical] [--json]",
                  "show or set how much is logged, until the next reload or restart"}},
       .options = {json}},
      {.name = "probe",
       .run = run_probe_command,
       .forms = {{"probe", "LOCAL REMOTE [--timeout SECONDS] [--http-port PORT]",
                  "ask the web server of LOCAL whether REMOTE can be reached from there"}},
       .options = {step_timeout, http_port}},
      {.name = "hosts",
       .run = run_hosts_command,
       .forms = {{"hosts", "", "the ids of all hosts that lonc serves"}},
       .options = {}},
      {.name = "queue",
       .run = run_queue_command,
       .forms = {{"queue list", "[NAME... | --peer ID] [--quarantine] [--limit NUMBER] [--json]",
                  "what waits: peer, age, command word, failed attempts"},
                 {"queue show", "NAME... [--quarantine] [--json]",
                  "one message, and whether it could be sent as it is"},
                 {"queue retry", "NAME... | --peer ID | --all [--json]", "forget failures and try now"},
                 {"queue hold", "NAME... | --peer ID | --all [--json]", "move to the quarantine"},
                 {"queue drop", "NAME... | --peer ID | --all [--quarantine] [--json]", "delete"},
                 {"queue release", "NAME... | --peer ID | --all [--json]",
                  "move from the quarantine back to the waiting messages"}},
       .options = {{"peer", "ID", "all messages for this host"},
                   {"all", "", "all messages"},
                   {"quarantine", "", "quarantined messages instead of waiting ones (list, show, drop)"},
                   {"limit", "NUMBER", "how many to list at most, up to 10000 (1000)"},
                   json}},
      {.name = "send",
       .run = run_send_command,
       .forms = {{"send", "--delayed HOST [--json]", "leave one command line, from standard input, for HOST"}},
       .options = {{"delayed", "", "leave it as a delayed message"}, json}},
  };
  return table;
}

const Command* find_command(std::string_view name) {
  const auto found = std::ranges::find(command_table(), name, &Command::name);
  return found == command_table().end() ? nullptr : &*found;
}

std::vector<SharedOption> all_options() {
  std::vector<SharedOption> all;
  for (const Command& command : command_table()) {
    for (const Option& option : command.options) {
      const auto same = std::ranges::find_if(all, [&option](const SharedOption& known) {
        return known.option.name == option.name && known.option.help == option.help;
      });
      if (same != all.end()) {
        same->commands.push_back(command.name);
        continue;
      }
      // Next to the other entries with the same name.
      auto place = std::ranges::find(all, option.name, [](const SharedOption& known) { return known.option.name; });
      all.insert(place, {option, {command.name}});
    }
  }
  return all;
}

std::string synopsis_mdoc(const Form& form) {
  std::string text = ".Ic " + std::string(form.name);
  std::string separator = "\n.";
  for (const std::string& word : words_of(form.synopsis)) {
    if (word != "]") text += word == "[" ? "\n.Op" : separator + macro_of(word);
    separator = word == "]" ? "\n." : " ";
  }
  return text + "\n";
}

std::vector<Place> places_of(const Command& command) {
  const auto takes_value = [&command](const std::string& word) {
    return std::ranges::any_of(command.options, [&word](const Option& option) {
      return !option.value.empty() && word == "--" + std::string(option.name);
    });
  };
  std::vector<Place> places;
  for (const Form& form : command.forms) {
    std::size_t count = 0;
    std::string before;
    // The part of the form's name after the command's name counts as a word, too.
    for (std::string word : words_of(fmt::format("{} {}", form.name.substr(command.name.size()), form.synopsis))) {
      const std::string previous = std::exchange(before, word);
      const bool is_mark = word == "[" || word == "]" || word == "|";
      if (is_mark || word.starts_with("--") || takes_value(previous)) continue;
      // An alternative stands at the same place as the word before it.
      if (previous != "|" || count == 0) ++count;
      places.resize(std::max(places.size(), count));
      Place& place = places[count - 1];
      if (take_repetition(word)) place.is_repeated = true;
      if (word == "LOCAL" || word == "REMOTE") word = "HOST";
      if (word == "-" || (is_placeholder(word) && word != "HOST")) continue;
      if (std::ranges::find(place.words, word) == place.words.end()) place.words.push_back(word);
    }
  }
  return places;
}

}  // namespace lonc::ctl
