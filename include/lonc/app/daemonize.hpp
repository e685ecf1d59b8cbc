// Going into the background, and what every start does to shed what the starter left: signal mask, handlers,
// missing standard descriptors.
#pragma once

#include <lonc/net/unique_fd.hpp>

#include <optional>
#include <string_view>

namespace lonc::app {

// Every handler the default, but that signals nobody sends on purpose and that would end the process are ignored (PIPE,
// XFSZ, ALRM, ...). No signal is blocked but HUP, USR1 and USR2: those wait until let_signals_in(). A starter may have
// blocked or ignored any of them.
void reset_signals();

// To be called once something handles HUP, USR1 and USR2.
void let_signals_in();

// What the starter left open, be it a lock that it holds. To be called before anything else is opened.
void close_inherited_descriptors();

// Opens /dev/null for those of descriptors 0, 1 and 2 that are closed, so that no socket is taken for one of them.
void fill_standard_descriptors();

// The parent stays until the child says how its start went.
class Daemonizer {
 public:
  // Called before any thread or io_context exists. In the parent: returns the exit status when the child is ready
  // (0), has failed or has died; the reason is on stderr by then. In the child: nothing; it leads a session of its
  // own, in "/", with umask 022. When fork fails: 1.
  std::optional<int> fork_to_background();

  // Points stdin, stdout and stderr at /dev/null and lets the parent go. Without a parent (foreground): nothing.
  void ready();

  // Has the parent print `text` and exit with 1. Without a parent prints it here.
  void failed(std::string_view text);

 private:
  net::UniqueFd to_parent_;
};

}  // namespace lonc::app
