// Calls about delayed messages: /queue/...
#pragma once

#include <lonc/app/admin_api.hpp>
#include <lonc/net/log_sink.hpp>
#include <lonc/net/peer_report.hpp>
#include <lonc/net/spooler.hpp>

#include <cstddef>
#include <functional>
#include <vector>

namespace lonc::app {

struct QueueServices {
  net::Spooler& spooler;
  net::LogSink& log;
  // Asks all peers; the answer may come on any thread.
  std::function<void(std::function<void(const std::vector<net::PeerReport>&)>)> report;
  std::function<std::size_t()> line_limit;  // max-line-length; called where `report` answers
};

// All that `services` refers to outlives what is begun here.
void add_queue_routes(AdminApi& api, QueueServices services);

}  // namespace lonc::app
