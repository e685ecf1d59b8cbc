// The command line of loncctl, and its exit status.
#pragma once

#include <lonc/node/config/command_line.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace lonc::ctl {

struct Command;

// Scripts may rely on these numbers (loncctl(1)).
enum class ExitCode {
  ok = 0,
  failed = 1,       // the request failed, fully or in part; check has found problems
  usage = 2,        // the command line is invalid
  unreachable = 3,  // the settings, lonc or its directory cannot be used
  no_match = 4,     // there is no such message or host
  con_lost = 5,     // call: lonc answered con_lost
  error_reply = 6,  // call: the answer begins with `error:`
  timeout = 7,      // call: no answer within --timeout
};

// Ends the program. what() is the cause, followed by the remedy.
struct Failure : std::runtime_error {
  Failure(ExitCode status, const std::string& why, const std::string& what_to_do = {})
      : std::runtime_error(what_to_do.empty() ? why : why + "; " + what_to_do),
        code(status),
        cause(why),
        remedy(what_to_do) {}

  const ExitCode code;
  const std::string cause;
  const std::string remedy;  // empty if none is known
};

struct Options {
  node::CommandLine settings;
  bool help = false;
  bool version = false;
  std::string command;             // "queue", "status", ...
  std::vector<std::string> words;  // after it
  std::optional<std::string> peer;
  bool is_all = false;
  bool in_quarantine = false;
  bool is_json = false;
  bool is_forced = false;
  bool is_delayed = false;
  bool is_encrypted = false;
  std::optional<std::size_t> limit;
  std::optional<std::size_t> count;
  std::optional<std::chrono::milliseconds> interval;
  std::optional<std::chrono::milliseconds> timeout;
  std::uint16_t http_port = 80;  // of the web servers queried
};

// Throws node::UsageError, also for an option that the command does not take.
Options parse_options(const std::vector<std::string>& arguments);

// The help for all commands, and for one command.
std::string help_text();
std::string help_text(const Command& command);

}  // namespace lonc::ctl
