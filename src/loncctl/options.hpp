// The command line of loncctl. Where lonc's settings are found is told in the same options as lonc's.
#pragma once

#include <lonc/app/command_line.hpp>
#include <lonc/app/queue_request.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lonc::ctl {

struct Options {
  app::CommandLine settings;
  bool help = false;
  bool version = false;
  std::string command;             // "queue", "status", ...
  std::vector<std::string> words;  // behind it
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
  std::uint16_t http_port = 80;  // of web servers that are asked
};

// Throws app::UsageError, also for an option that is not for this command.
Options parse_options(const std::vector<std::string>& arguments);

std::string help_text();

}  // namespace lonc::ctl
