// What /proc tells about another process by its pid. Nothing is remembered between calls.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace lonc::app {

// The command name of a living process, at most 15 bytes; nothing if there is none or if it is a zombie, whose
// files and locks are gone already.
std::optional<std::string> process_name(pid_t pid);

}  // namespace lonc::app
