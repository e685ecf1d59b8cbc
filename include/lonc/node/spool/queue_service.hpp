// Carries out an administrator's requests on the directory of delayed messages, and leaves a new message there. The
// same code serves the daemon, on its spool's thread, and loncctl when no daemon uses the directory. Blocks for as long
// as the disk does.
#pragma once

#include <lonc/core/spool/spool.hpp>
#include <lonc/net/spool/file_spool_disk.hpp>
#include <lonc/node/spool/queue_request.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

namespace lonc::node {

struct QueuePlace {
  net::FileSpoolDisk& disk;  // open
  core::Spool* spool = nullptr;  // the daemon's, using that disk; null: no daemon runs
  std::set<std::string, std::less<>> hosts{};  // of hosts.tab
  std::map<std::string, unsigned, std::less<>> attempts{};  // failed ones, by message name
  std::size_t line_limit = core::SpoolOptions{}.line_limit;  // max-line-length
  std::function<void(core::Severity, std::string_view host_id, std::string_view message)> log{};
};

// Carries out every action but retry, which needs no disk. Memory use is bounded by the request's limit, regardless of
// the number of files in the directory.
QueueAnswer work_on_queue(const QueuePlace& place, const QueueRequest& request);

// The peers whose messages a request may touch; empty for all of them.
std::set<std::string> peers_of_request(const QueueRequest& request, const std::set<std::string, std::less<>>& hosts);

struct WrittenMessage {
  std::string name;  // of its file; empty on error
  std::error_code error;
  std::string failed_at;  // what could not be done, as text
};

// Leaves a new message on the disk as lonnet.pm's critical() does, but more carefully: atomically, and durable once
// success is reported. `line` has no line end; the caller has checked it (core::check_delayed_content) and the host.
// The directory at `path` must exist.
WrittenMessage write_delayed_message(const std::string& path, std::string_view host_id, std::string_view line);

}  // namespace lonc::node
