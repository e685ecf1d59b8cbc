// loncctl call HOST: one request to a peer, asked as a worker of the web server asks.
#pragma once

#include "exit_code.hpp"
#include "options.hpp"

namespace lonc::ctl {

// Throws app::UsageError and Failure.
ExitCode run_call_command(const Options& options);

}  // namespace lonc::ctl
