// loncctl probe LOCAL REMOTE: whether LOCAL reaches REMOTE, asked of LOCAL's web server.
#pragma once

#include "exit_code.hpp"
#include "options.hpp"

namespace lonc::ctl {

// Throws app::UsageError and Failure.
ExitCode run_probe_command(const Options& options);

// What the first line of an answer to /cgi-bin/ping.pl?REMOTE says: "ok" if it is the id, or else what is left of it
// without bytes that no id has.
std::string probe_verdict(const std::string& body, const std::string& remote);

}  // namespace lonc::ctl
