// Goes into the background, and undoes at every start what the starter left behind: signal mask, handlers, open
// descriptors, missing standard descriptors.
#pragma once

#include <lonc/os/unique_fd.hpp>

#include <optional>
#include <string_view>

namespace lonc::daemon {

// Resets every signal to its default action, but ignores those that nobody sends on purpose and that would end the
// process (PIPE, XFSZ, ALRM, ...). Unblocks all signals except HUP, USR1 and USR2, which stay pending until
// unblock_signals(). A starter may have blocked or ignored any of them.
void reset_signals();

// Must be called once HUP, USR1 and USR2 are being handled.
void unblock_signals();

// Closes what the starter left open, such as a lock that it holds. Must be called before anything else is opened.
void close_inherited_descriptors();

// Opens /dev/null for those of descriptors 0, 1 and 2 that are closed, so that no socket gets one of these numbers.
void fill_standard_descriptors();

// Forks to the background. The parent waits until the child reports how its start went.
class Daemonizer {
 public:
  // Must be called before any thread or io_context exists. In the parent, returns the exit status once the child is
  // ready (0), has failed or has died; the reason has then been written to stderr. In the child, returns nothing; the
  // child leads a session of its own, in "/", with umask 022. If fork fails, returns 1.
  std::optional<int> fork_to_background();

  // Redirects stdin, stdout and stderr to /dev/null and lets the parent exit. Does nothing without a parent
  // (foreground).
  void ready();

  // Makes the parent print `text` and exit with 1. Without a parent, prints it here.
  void failed(std::string_view text);

 private:
  os::UniqueFd to_parent_;
};

}  // namespace lonc::daemon
