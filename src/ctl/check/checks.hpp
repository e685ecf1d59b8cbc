// The checks of `loncctl check` beyond those at the start of lonc (node/check/start_check.hpp). The judge_*() functions
// evaluate a reading and are pure; the others do the reading. Nothing is changed.
#pragma once

#include "ctl/node.hpp"
#include "ctl/view/status_view.hpp"

#include <lonc/core/base/error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace lonc::ctl {

// `file`: empty if the finding is not about a file.
inline core::Problem finding(core::Problem::Kind kind, std::string file, std::string text, std::string remedy) {
  return {kind, std::move(file), 0, std::move(text), std::move(remedy)};
}

inline void add(std::vector<core::Problem>& problems, std::optional<core::Problem> problem) {
  if (problem) problems.push_back(*std::move(problem));
}

struct PeerFindings {
  std::vector<core::Problem> problems;
  std::size_t visited = 0;
  std::vector<core::Host> reachable;  // connected to the daemon, or visited successfully
};

// Visits the lond of each peer to which the daemon has no connection. `status` is that of the running daemon; an empty
// object if there is none. `timeout` applies to each step of a visit.
PeerFindings check_peers(const node::Settings& settings, const core::HostTable& hosts, const nlohmann::json& status,
                         std::chrono::milliseconds timeout);

// `known` is the daemon's status of that peer; an empty object if there is none.
std::optional<core::Problem> judge_visit(const core::Host& host, const std::string& place, std::error_code error,
                                         const std::string& step, const nlohmann::json& known);

// From the Date of an HTTP answer.
struct ClockSample {
  std::string peer;
  std::chrono::duration<double> ahead;  // of our clock
};

// Judges by the median of all samples, so that a single peer's wrong clock is not blamed on this server.
std::optional<core::Problem> judge_clock(std::vector<ClockSample> samples);

// Compares with the clocks of some of these hosts. A host without a web server yields no sample.
std::optional<core::Problem> check_clock(const std::vector<core::Host>& hosts, std::uint16_t http_port,
                                         std::chrono::milliseconds timeout);

// Checks the daemon, based on its own status. Pure as well.
std::vector<core::Problem> check_daemon(const nlohmann::json& status);

// Of a file system.
struct DiskRoom {
  std::uint64_t free_bytes = 0;  // available to lonc, without what is reserved for root
  std::uint64_t total_bytes = 0;
  std::uint64_t free_files = 0;
  std::uint64_t total_files = 0;  // 0: this file system does not count them
};

// An error if nothing can be written any more, a warning if space is getting short.
std::optional<core::Problem> judge_room(const std::string& path, const DiskRoom& room);

// For delayed messages, logs and status; checks each file system once.
std::vector<core::Problem> check_disks(const Node& node);

// Checks who else may write to lonc's directories and files, and whether lonc itself may.
std::vector<core::Problem> check_modes(const Node& node);

// Finds sockets on which nobody listens, and lock files of the Perl daemon.
std::vector<core::Problem> check_leftovers(const Node& node, const core::HostTable& hosts);

// Finds files with a modification time more than a minute after `now`: the clock was set back, or is slow.
std::vector<core::Problem> check_file_times(const Node& node, WallTime now);

// Checks the pid file and the lock of the delayed messages: held by the wrong process, or left behind. Takes no lock
// itself, so that a lonc that is just starting does not run into it.
std::vector<core::Problem> check_locks(const Node& node);

}  // namespace lonc::ctl
