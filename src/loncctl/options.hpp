// The command line of loncctl. Where lonc's settings are found is told in the same options as lonc's.
#pragma once

#include <lonc/app/command_line.hpp>
#include <lonc/app/queue_request.hpp>

#include <optional>
#include <string>
#include <vector>

namespace lonc::ctl {

struct Options {
  app::CommandLine settings;
  bool help = false;
  bool version = false;
  std::string command;             // "queue" or "send"
  std::vector<std::string> words;  // behind it
  std::optional<std::string> peer;
  bool is_all = false;
  bool in_quarantine = false;
  bool is_json = false;
  bool is_delayed = false;
  std::optional<std::size_t> limit;
};

// Throws app::UsageError.
Options parse_options(const std::vector<std::string>& arguments);

std::string help_text();

}  // namespace lonc::ctl
