// loncctl reconnect, drain, reload, log-level: what the daemon is told to do.
#pragma once

#include "exit_code.hpp"
#include "options.hpp"

namespace lonc::ctl {

// Throw app::UsageError and Failure.
ExitCode run_reconnect_command(const Options& options);
ExitCode run_drain_command(const Options& options);
ExitCode run_reload_command(const Options& options);
ExitCode run_log_level_command(const Options& options);

}  // namespace lonc::ctl
