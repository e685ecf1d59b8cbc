// loncctl hosts: the ids that lonc serves, a line each. For scripts and for the completion of the shell.
#pragma once

#include "exit_code.hpp"
#include "options.hpp"

namespace lonc::ctl {

// Throws app::UsageError and Failure.
ExitCode run_hosts_command(const Options& options);

}  // namespace lonc::ctl
