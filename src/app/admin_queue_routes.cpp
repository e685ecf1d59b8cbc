#include <lonc/app/admin_queue_routes.hpp>

#include <lonc/app/queue_request.hpp>
#include <lonc/app/queue_service.hpp>

#include <exception>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace lonc::app {

namespace {

using Done = AdminApi::Done;
using Reports = std::vector<net::PeerReport>;
using Hosts = std::set<std::string, std::less<>>;

bool is_change(QueueAction action) {
  return action == QueueAction::hold || action == QueueAction::drop || action == QueueAction::release;
}

// Whose messages are given back first, so that they can be moved. To look at them disturbs nobody: no peer has the
// empty id.
std::vector<std::string> peers_to_withdraw(const QueueRequest& request, const Hosts& hosts) {
  if (!is_change(request.action) || request.in_quarantine || request.action == QueueAction::release) return {""};
  if (request.is_all) return {};
  const auto peers = peers_of_request(request, hosts);
  return {peers.begin(), peers.end()};
}

QueueAnswer retry(net::Spooler& spooler, const QueueRequest& request, const Reports& reports, const Hosts& hosts) {
  const auto wanted = peers_of_request(request, hosts);
  QueueAnswer answer;
  std::vector<std::string> peers;
  for (const net::PeerReport& report : reports) {
    if (report.status.delayed_waiting == 0 || (!request.is_all && !wanted.contains(report.status.peer_id))) continue;
    answer.total += report.status.delayed_waiting;
    peers.push_back(report.status.peer_id);
  }
  answer.done = peers.size();
  if (!peers.empty()) spooler.retry(peers);
  return answer;
}

unsigned status_of(const QueueAnswer& answer) { return answer.error.empty() ? 200 : 500; }

void run_queue(const std::shared_ptr<const QueueServices>& services, QueueRequest request, Done done) {
  services->report([services, request = std::move(request), done = std::move(done)](const Reports& reports) {
    Hosts hosts;
    std::map<std::string, unsigned, std::less<>> attempts;
    for (const net::PeerReport& report : reports) {
      hosts.insert(report.status.peer_id);
      if (!report.status.delayed_tried.empty()) attempts[report.status.delayed_tried] = report.status.delayed_attempts;
    }
    if (request.action == QueueAction::retry) {
      const QueueAnswer answer = retry(services->spooler, request, reports, hosts);
      return done({status_of(answer), to_json(answer)});
    }
    const auto peers = peers_to_withdraw(request, hosts);
    const std::size_t line_limit = services->line_limit();
    services->spooler.administer(peers, [services, request, done, hosts = std::move(hosts),
                                         attempts = std::move(attempts), line_limit](const net::SpoolAccess* access) {
      if (access == nullptr) {
        const std::string trouble = services->spooler.report().trouble;
        return done(admin_error(503, trouble.empty() ? "another lonc is still at work in the directory of delayed "
                                                       "messages: try again when it has ended"
                                                     : trouble));
      }
      try {
        const QueuePlace place{
            .disk = access->disk,
            .spool = &access->spool,
            .hosts = hosts,
            .attempts = attempts,
            .line_limit = line_limit,
            .log = [&log = services->log](core::Severity severity, std::string_view host, std::string_view text) {
              log.write(severity,
                        {.server = host.empty() ? std::string_view("PARENT") : host,
                         .status = "Delayed messages",
                         .status_since = std::chrono::system_clock::now()},
                        text);
            }};
        const QueueAnswer answer = work_on_queue(place, request);
        done({status_of(answer), to_json(answer)});
      } catch (const std::exception& error) {
        done(admin_error(500, std::string("internal error: ") + error.what()));
      }
    });
  });
}

}  // namespace

void add_queue_routes(AdminApi& api, QueueServices services) {
  const auto shared = std::make_shared<const QueueServices>(std::move(services));
  for (const auto action : {QueueAction::list, QueueAction::show, QueueAction::retry, QueueAction::hold,
                            QueueAction::drop, QueueAction::release}) {
    api.add("POST", "/queue/" + std::string(to_string(action)), [shared, action](const std::string& body, Done done) {
      std::string fault;
      auto request = parse_queue_request(action, body, fault);
      if (!request) return done(admin_error(400, fault));
      run_queue(shared, std::move(*request), std::move(done));
    });
  }
}

}  // namespace lonc::app
