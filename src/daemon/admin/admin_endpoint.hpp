// The admin endpoint of a running daemon: answers administrators at the admin socket and, read-only, over TCP.
#pragma once

#include "daemon/admin/admin_api.hpp"
#include "daemon/admin/admin_routes.hpp"
#include "daemon/admin/admin_server.hpp"
#include "daemon/status/snapshot.hpp"

#include <lonc/net/socket/executor.hpp>
#include <lonc/net/spool/spooler.hpp>
#include <lonc/node/config/settings.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <prometheus/registry.h>

#include <exception>
#include <functional>
#include <string_view>

namespace lonc::daemon {

// Lives on `strand`. Its servers have strands of their own, and long texts are rendered on a thread of low priority.
class AdminEndpoint {
 public:
  // What it needs for its answers. Everything must outlive the io_context's handlers.
  struct Parts {
    DaemonControl& daemon;
    const node::Settings& settings;
    net::LogSink& log;
    DaemonLog& daemon_log;
    net::Spooler& spooler;
    StatusBoard& board;
    const prometheus::Registry& registry;
  };

  AdminEndpoint(boost::asio::io_context& io, const net::Strand& strand, const Parts& parts);

  // Failures are only logged: the daemon serves its peers without the endpoint, too.
  void start();
  // Recreates the admin socket if it is gone or could not be created before.
  void look_after();
  // Calls `done`, on any strand, once no more requests are answered.
  void stop(std::function<void()> done);

 private:
  void handle(AdminRequest request, AdminApi::Done done);
  void open_admin_socket();
  AdminListener open_socket();
  void warn_once(std::string_view what, const std::exception& error);

  const Parts parts_;
  RenderedCache status_;
  RenderedCache metrics_;
  AdminApi api_;
  boost::asio::thread_pool pool_{1};  // destroyed before the members it uses
  AdminServer server_;
  AdminServer reading_server_;  // over TCP
  bool is_open_ = false;  // the admin socket
  bool has_warned_ = false;  // about the admin socket
};

}  // namespace lonc::daemon
