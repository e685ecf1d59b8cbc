// The commands of loncctl. Dispatch, validation of the command line, both help texts, the synopsis and options in
// loncctl(1), and bash completion all come from this table.
#pragma once

#include "command_line.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace lonc::ctl {

struct Option {
  std::string_view name;
  std::string_view value;  // its argument: SECONDS, NUMBER, PORT, ID; empty: none
  std::string_view help;
};

// One way to call a command. `synopsis` is what follows the name: lower-case words are literal, upper-case words are
// placeholders (HOST, LOCAL, REMOTE and ID for a host id), "..." marks repetition, "[ ]" an optional part, "|"
// separates alternatives. Brackets are not nested.
struct Form {
  std::string_view name;  // "queue list"
  std::string_view synopsis;
  std::string_view help;  // one line
};

struct Command {
  std::string_view name;
  ExitCode (*run)(const Options&);
  std::vector<Form> forms;
  std::vector<Option> options;
};

// In the order of the help text.
const std::vector<Command>& command_table();

// Null if there is no command with this name.
const Command* find_command(std::string_view name);

// An option and the commands that take it. The same name has one entry for each different help text.
struct SharedOption {
  Option option;
  std::vector<std::string_view> commands;
};
std::vector<SharedOption> all_options();

// The synopsis in mdoc: a macro line for each part, with Op for optional parts.
std::string synopsis_mdoc(const Form& form);

// What may follow a command at one position, for completion. `words` are offered literally, except for "HOST", which
// means the ids of all hosts.
struct Place {
  std::vector<std::string> words;
  bool is_repeated = false;
};

// The positions after a command, in order, from the notation of Form::synopsis. Excludes options and their values.
std::vector<Place> places_of(const Command& command);

// The functions of the commands. All of them throw node::UsageError and Failure.
ExitCode run_call_command(const Options& options);
ExitCode run_check_command(const Options& options);
ExitCode run_drain_command(const Options& options);
ExitCode run_hosts_command(const Options& options);
ExitCode run_log_level_command(const Options& options);
ExitCode run_probe_command(const Options& options);
ExitCode run_queue_command(const Options& options);
ExitCode run_reconnect_command(const Options& options);
ExitCode run_reload_command(const Options& options);
ExitCode run_send_command(const Options& options);
ExitCode run_status_command(const Options& options);
ExitCode run_top_command(const Options& options);

// Evaluates the first line of an answer to /cgi-bin/ping.pl?REMOTE: "ok" if it is the id, otherwise the line without
// the bytes that an id cannot contain.
std::string probe_verdict(const std::string& body, const std::string& remote);

}  // namespace lonc::ctl
