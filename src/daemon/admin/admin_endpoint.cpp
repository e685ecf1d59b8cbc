#include "daemon/admin/admin_endpoint.hpp"

#include "daemon/status/metrics.hpp"
#include "daemon/status/status_files.hpp"

#include <lonc/core/base/text.hpp>
#include <lonc/node/config/admin_access.hpp>
#include <lonc/os/files.hpp>

#include <boost/asio/post.hpp>
#include <sys/resource.h>
#include <unistd.h>

#include <string>
#include <utility>

namespace lonc::daemon {

namespace {

using enum core::Severity;

constexpr std::size_t short_body = 4 * 1024;
constexpr int niceness = 5;  // of the pool
constexpr AdminOptions reading_options{.most_connections = 16, .most_readers = 16, .body_limit = 8 * 1024};

}  // namespace

AdminEndpoint::AdminEndpoint(boost::asio::io_context& io, const net::Strand& strand, const Parts& parts)
    : parts_(parts),
      status_(strand, parts.board, pool_, render_status_json),
      metrics_(strand, parts.board, pool_,
               [&registry = parts.registry](const Snapshot& now) { return render_metrics(registry, now); }),
      server_(io, {}, parts.log, std::bind_front(&AdminEndpoint::handle, this)),
      reading_server_(io, reading_options, parts.log, std::bind_front(&AdminEndpoint::handle, this)) {
  add_action_routes(api_, parts.daemon);
  add_status_routes(api_, parts.daemon, status_, metrics_);
  add_queue_routes(api_, parts.board, parts.spooler, parts.settings, parts.log);
  boost::asio::post(pool_, [this, strand] {
    // Affects only this thread.
    if (::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), niceness) == 0) return;
    boost::asio::post(strand, [this, error = os::last_error()] {
      parts_.daemon_log.write(
          routine, "Status and metrics are made with the priority of requests: setpriority: " + error.message());
    });
  });
}

// Parsing a long body takes long, so it is done on the pool.
void AdminEndpoint::handle(AdminRequest request, AdminApi::Done done) {
  if (request.body.size() <= short_body) return api_.handle(request, done);
  boost::asio::post(pool_,
                    [this, request = std::move(request), done = std::move(done)] { api_.handle(request, done); });
}

void AdminEndpoint::start() {
  open_admin_socket();
  const std::string& address = parts_.settings.admin_address;
  const auto endpoint = node::parse_admin_address(address);
  if (!endpoint) return;
  try {
    reading_server_.start(AdminListener(*endpoint));
  } catch (const std::exception& error) {
    parts_.daemon_log.write(warning, "Status and metrics cannot be served at " + address + ": " +
                                         core::escape_outside_text(error.what()) +
                                         "; choose another admin-address, or end the program that uses it");
  }
}

void AdminEndpoint::look_after() {
  if (is_open_) return server_.look_after();
  open_admin_socket();
}

void AdminEndpoint::stop(std::function<void()> done) {
  server_.stop([this, done = std::move(done)] { reading_server_.stop(done); });
}

void AdminEndpoint::open_admin_socket() {
  try {
    server_.start(open_socket());
    is_open_ = true;
  } catch (const std::exception& error) {
    warn_once("The admin socket cannot be created, so loncctl cannot reach this lonc: ", error);
    has_warned_ = true;
  }
}

AdminListener AdminEndpoint::open_socket() {
  const std::string path = node::admin_socket_path(parts_.settings);
  const std::string& group = parts_.settings.admin_group;
  try {
    return AdminListener(path, group);
  } catch (const std::exception& error) {
    if (group.empty()) throw;
    warn_once("The admin socket cannot be created for admin-group, so only lonc's own user and root can use it: ",
              error);
  }
  return AdminListener(path, "");
}

void AdminEndpoint::warn_once(std::string_view what, const std::exception& error) {
  if (!has_warned_) parts_.daemon_log.write(warning, std::string(what) + core::escape_outside_text(error.what()));
}

}  // namespace lonc::daemon
