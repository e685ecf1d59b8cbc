// loncctl queue list|show|retry|hold|drop|release.
#pragma once

#include "exit_code.hpp"
#include "options.hpp"

namespace lonc::ctl {

// Throws app::UsageError and Failure.
ExitCode run_queue_command(const Options& options);

}  // namespace lonc::ctl
