// What /proc tells about another process by its pid. Nothing is remembered between calls.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace lonc::app {

struct Process {
  std::string name;         // of its command, at most 15 bytes
  bool is_stopped = false;  // by a signal or a debugger: it does nothing until it is let go on
};

// Of a living process; nothing if there is none or if it is a zombie, whose files and locks are gone already.
std::optional<Process> find_process(pid_t pid);

// Its name alone.
std::optional<std::string> process_name(pid_t pid);

}  // namespace lonc::app
