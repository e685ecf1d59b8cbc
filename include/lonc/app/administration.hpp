// What an administrator can do with a running daemon: the admin endpoint put together with the parts of the daemon
// that answer there.
#pragma once

#include <lonc/app/admin_action_routes.hpp>
#include <lonc/app/admin_api.hpp>
#include <lonc/app/admin_server.hpp>
#include <lonc/app/log.hpp>
#include <lonc/app/parent_log.hpp>
#include <lonc/app/peer_fleet.hpp>
#include <lonc/app/reload_result.hpp>
#include <lonc/app/settings.hpp>
#include <lonc/app/shared_text.hpp>
#include <lonc/app/status_board.hpp>
#include <lonc/net/executor.hpp>
#include <lonc/net/spooler.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <prometheus/registry.h>

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace lonc::app {

class Administration {
 public:
  // All but `io` is used on `strand` only. Everything outlives the io_context's handlers.
  struct Needs {
    boost::asio::io_context& io;
    net::Strand strand;
    const Settings& settings;
    Log& log;
    ParentLog& parent;
    net::Spooler& spooler;
    PeerFleet& fleet;
    StatusBoard& board;
    const prometheus::Registry& registry;
    std::function<void(bool is_forced, std::function<void(const ReloadResult&)>)> reload;
    std::function<bool()> is_stopping;
    std::function<void()> changed;  // what the status shows
  };

  explicit Administration(Needs needs);

  // Without it the peers are served just the same: what is wrong is told in the log.
  void start();
  // Makes the admin socket anew if it is gone, or could not be made before.
  void look_after();
  // `done` comes on any strand when nobody is answered any more.
  void stop(std::function<void()> done);

  // Why the daemon is not ready to serve; empty if it is.
  std::string why_not_ready() const;

 private:
  void tell_not_modest(const std::error_code& error);
  void handle(AdminRequest request, AdminApi::Done done);
  void add_routes();
  void open_admin_socket();
  std::unique_ptr<AdminDoor> open_socket();
  void complain(std::string_view what, const std::exception& error);
  void open_address();
  PeersDone reconnect(const PeerChoice& choice);
  PeersDone drain(const PeerChoice& choice);
  void set_log_level(core::Severity level);
  std::function<void(PeerChoice, std::function<void(PeersDone)>)> on_strand(
      PeersDone (Administration::*action)(const PeerChoice&));

  const Needs needs_;
  SharedText status_;
  SharedText metrics_;
  AdminApi api_;
  boost::asio::thread_pool pool_{1};  // for what is long, so that the loop need not; it ends before these
  AdminServer server_;
  AdminServer reading_server_;  // over TCP
  bool is_open_ = false;        // the admin socket
  bool is_trouble_told_ = false;
};

}  // namespace lonc::app
