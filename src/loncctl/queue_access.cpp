#include "queue_access.hpp"

#include "admin_client.hpp"
#include "daemon_call.hpp"
#include "exit_code.hpp"

#include <lonc/app/host_table_file.hpp>
#include <lonc/app/log.hpp>
#include <lonc/app/peer_configs.hpp>
#include <lonc/app/queue_service.hpp>
#include <lonc/net/file_spool_disk.hpp>

#include <nlohmann/json.hpp>
#include <sys/file.h>

#include <chrono>

namespace lonc::ctl {

namespace {

constexpr std::chrono::seconds log_timeout{5};

void open_directory(net::FileSpoolDisk& disk, const Node& node) {
  const std::error_code error = disk.open();
  if (!error) return;
  if (error == std::errc::resource_unavailable_try_again) {
    throw Failure(ExitCode::unreachable,
                  "a lonc or another loncctl is at work in " + node.delayed + ", but nobody listens at " +
                      node.admin_socket +
                      "; if lonc is just starting or ending, try again; if its log tells that the socket could not be "
                      "made, or admin-socket was changed, restart it");
  }
  throw Failure(ExitCode::unreachable, node.delayed + " can not be used: " + error.message() + "; call loncctl as " +
                                           node.settings.user + " or root");
}

// What has been sent and not been settled when lonc was killed stays in the journal as it is: the next start of lonc
// names it, in its log and its status, as it must.
std::string work_alone(const Node& node, const app::QueueRequest& request) {
  become_owner(node.delayed);
  const net::SpoolerOptions options = app::spooler_options(node.settings);
  net::FileSpoolDisk disk(options.directory, options.permanent_log);
  open_directory(disk, node);
  app::LogOptions log_options = app::log_options(node.settings);
  log_options.target = app::LogTarget::file;
  app::Log log(log_options);
  app::QueuePlace place{.disk = disk,
                        .line_limit = options.spool.line_limit,
                        .log = [&log](core::Severity severity, std::string_view host, std::string_view text) {
                          log.write(severity,
                                    {.server = host.empty() ? std::string_view("PARENT") : host,
                                     .status = "loncctl",
                                     .status_since = std::chrono::system_clock::now()},
                                    text);
                        }};
  for (const core::Host& host : app::read_host_table(node.settings).table.hosts) place.hosts.insert(host.id);
  const std::string answer = app::to_json(app::work_on_queue(place, request));
  log.close(log_timeout);
  return answer;
}

}  // namespace

std::string ask_queue(const Node& node, const app::QueueRequest& request) {
  const std::string target = "/queue/" + std::string(app::to_string(request.action));
  AdminResponse response = post_to_admin(node.admin_socket, target, app::to_json(request));
  if (!response.error && (response.status == 200 || response.status == 500) &&
      nlohmann::json::parse(response.body, nullptr, false).contains("total"))
    return std::move(response.body);
  if (!response.error) throw refused(response);
  if (!is_nobody_there(response)) throw not_reached(node, response);
  if (request.action == app::QueueAction::retry)
    throw Failure(ExitCode::unreachable, "lonc does not run; when it starts, it tries everything anew");
  return work_alone(node, request);
}

}  // namespace lonc::ctl
