// loncctl status and loncctl top.
#pragma once

#include "exit_code.hpp"
#include "options.hpp"

namespace lonc::ctl {

// Throw app::UsageError and Failure.
ExitCode run_status_command(const Options& options);
ExitCode run_top_command(const Options& options);

}  // namespace lonc::ctl
