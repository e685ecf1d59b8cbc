// What /proc reports about other processes. Nothing is remembered between calls.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace lonc::os {

struct Process {
  std::string name;         // of its command, at most 15 bytes
  bool is_stopped = false;  // by a signal or a debugger: it does nothing until it is continued
};

// For a live process; no value if there is none or if it is a zombie, whose files and locks are already gone.
std::optional<Process> find_process(pid_t pid);

// Only its name.
std::optional<std::string> process_name(pid_t pid);

// The process that holds a flock(2) lock on the file with this inode, from the text of /proc/locks. The process may
// have ended and left the file open in a child. No value if nobody holds a lock.
std::optional<pid_t> lock_holder(std::string_view proc_locks, ino_t inode);

}  // namespace lonc::os
