// loncctl send --delayed HOST.
#pragma once

#include "exit_code.hpp"
#include "options.hpp"

namespace lonc::ctl {

// Throws app::UsageError and Failure.
ExitCode run_send_command(const Options& options);

}  // namespace lonc::ctl
