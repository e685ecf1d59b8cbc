// An administrator's work on the directory of delayed messages: the same code for the daemon, on its spool's thread,
// and for loncctl when no daemon works there. Blocks for as long as the disk likes.
#pragma once

#include <lonc/app/queue_request.hpp>
#include <lonc/core/spool.hpp>
#include <lonc/net/file_spool_disk.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace lonc::app {

struct QueuePlace {
  net::FileSpoolDisk& disk;      // open
  core::Spool* spool = nullptr;  // at work on it; null: no daemon runs
  std::set<std::string, std::less<>> hosts{};                   // of hosts.tab
  std::map<std::string, unsigned, std::less<>> attempts{};      // failed ones, by the name of the message
  std::size_t line_limit = core::SpoolOptions{}.line_limit;     // max-line-length
  std::function<void(core::Severity, std::string_view host_id, std::string_view message)> log{};
};

// All but retry, which needs no disk. What is in memory at once is bounded by the request's limit, whatever the
// directory holds.
QueueAnswer work_on_queue(const QueuePlace& place, const QueueRequest& request);

// Whose message a file of this name is; also of hosts that are not in `hosts`. Empty if it is nobody's.
std::string peer_of_message(std::string_view name, const std::set<std::string, std::less<>>& hosts);

// The peers whose messages a request may touch; empty for all of them.
std::set<std::string> peers_of_request(const QueueRequest& request, const std::set<std::string, std::less<>>& hosts);

}  // namespace lonc::app
