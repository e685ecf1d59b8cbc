// What can be asked on the admin socket (docs/admin-api.md): from a request to the part of the daemon that answers it.
// Knows nothing of sockets.
#pragma once

#include <lonc/app/admin_server.hpp>
#include <lonc/app/queue_request.hpp>
#include <lonc/net/log_sink.hpp>
#include <lonc/net/peer_report.hpp>
#include <lonc/net/spooler.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace lonc::app {

class AdminApi {
 public:
  using Done = std::function<void(AdminReply)>;
  using Reports = std::vector<net::PeerReport>;

  struct Services {
    net::Spooler& spooler;
    net::LogSink& log;
    // Asks all peers; the answer may come on any thread.
    std::function<void(std::function<void(Reports)>)> report;
    std::function<std::size_t()> line_limit;  // max-line-length; called where `report` answers
  };

  // All that `services` refers to outlives what was begun here.
  explicit AdminApi(Services services);

  void handle(AdminRequest request, Done done) const;

 private:
  using Route = std::function<void(std::string body, Done done)>;

  void add_queue_routes();
  static void run_queue(const std::shared_ptr<const Services>& services, QueueRequest request, Done done);

  std::shared_ptr<const Services> services_;
  std::map<std::pair<std::string, std::string>, Route> routes_;  // by target and method
};

}  // namespace lonc::app
