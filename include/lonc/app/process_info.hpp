// What /proc tells about other processes. Nothing is remembered between calls.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace lonc::app {

struct Process {
  std::string name;         // of its command, at most 15 bytes
  bool is_stopped = false;  // by a signal or a debugger: it does nothing until it is let go on
};

// Of a living process; nothing if there is none or if it is a zombie, whose files and locks are gone already.
std::optional<Process> find_process(pid_t pid);

// Its name alone.
std::optional<std::string> process_name(pid_t pid);

// Who holds a lock by flock(2) on the file with this inode, from the text of /proc/locks. The process may have ended
// and left the file open to a child. Nothing if nobody does.
std::optional<pid_t> lock_holder(std::string_view proc_locks, ino_t inode);

}  // namespace lonc::app
