#include "daemon/admin/admin_routes.hpp"

#include "daemon/status/metrics.hpp"
#include "daemon/status/status_files.hpp"

#include <lonc/node/config/settings.hpp>
#include <lonc/node/spool/queue_request.hpp>
#include <lonc/node/spool/queue_service.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace lonc::daemon {

namespace {

using Json = nlohmann::ordered_json;
using Done = AdminApi::Done;
using Reports = std::vector<net::PeerReport>;
using Hosts = std::set<std::string, std::less<>>;

AdminReply reply(unsigned status, const Json& json) {
  return {status, json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

// The value of `member` if the body is an object with just this member; otherwise null.
Json only_member(const std::string& body, const char* member) {
  const Json json = Json::parse(body, nullptr, false);
  return json.is_object() && json.size() == 1 && json.contains(member) ? json[member] : Json(nullptr);
}

std::optional<PeerChoice> parse_peers(const std::string& body) {
  const Json list = only_member(body, "peers");
  if (!list.is_array() || list.empty()) return std::nullopt;
  PeerChoice choice;
  for (const Json& id : list) {
    if (!id.is_string()) return std::nullopt;
    choice.ids.insert(id.get<std::string>());
  }
  return choice;
}

std::optional<PeerChoice> parse_peers_or_all(const std::string& body) {
  const Json all = only_member(body, "all");
  if (all.is_boolean() && all.get<bool>()) return PeerChoice{.ids = {}, .is_all = true};
  return parse_peers(body);
}

// A reload is not forced if the body is missing or an empty object.
std::optional<bool> parse_force(const std::string& body) {
  if (body.empty() || Json::parse(body, nullptr, false) == Json::object()) return false;
  const Json force = only_member(body, "force");
  return force.is_boolean() ? std::optional(force.get<bool>()) : std::nullopt;
}

AdminReply reply_to(const PeersDone& result) {
  if (result.is_stopping) return admin_error(503, "lonc is shutting down");
  if (!result.unknown.empty()) return admin_error(404, "there is no peer " + result.unknown + " in hosts.tab");
  return reply(200, {{"done", result.done}});
}

AdminReply reply_to(const ReloadResult& result) {
  Json problems = Json::array();
  for (const core::Problem& problem : result.problems) problems.push_back(core::to_string(problem));
  if (!result.error.empty()) return reply(409, {{"error", result.error}, {"problems", std::move(problems)}});
  return reply(200, {{"peers", result.peers},
                     {"added", result.change.added},
                     {"removed", result.change.removed},
                     {"moved", result.change.moved},
                     {"adjusted", result.change.adjusted},
                     {"problems", std::move(problems)},
                     {"needs_restart", result.needs_restart}});
}

AdminReply reply_to(core::Severity level) { return reply(200, {{"level", node::log_level_word(level)}}); }

AdminReply reply_to(const node::QueueAnswer& answer) { return {answer.error.empty() ? 200U : 500U, to_json(answer)}; }

// Answers with the result of what was asked for.
auto replying(Done done) {
  return [done = std::move(done)](const auto& result) { done(reply_to(result)); };
}

AdminApi::Route text_route(RenderedCache& text, std::string_view type) {
  return [&text, type](const std::string&, Done done) {
    text.get([type, done = std::move(done)](const RenderedCache::Text& made) {
      done(made ? AdminReply(200, made, type) : admin_error(500, "the text cannot be generated"));
    });
  };
}

// The peers whose messages are withdrawn first, so that they can be moved; an empty list means all peers. Nothing if
// there is no need to withdraw any: merely looking at messages disturbs nobody.
std::optional<std::vector<std::string>> peers_to_withdraw(const node::QueueRequest& request, const Hosts& hosts) {
  const bool is_move = request.action == node::QueueAction::hold || request.action == node::QueueAction::drop;
  if (!is_move || request.in_quarantine) return std::nullopt;
  const auto peers = node::peers_of_request(request, hosts);
  if (!request.is_all && peers.empty()) return std::nullopt;
  return request.is_all ? std::vector<std::string>() : std::vector<std::string>(peers.begin(), peers.end());
}

node::QueueAnswer retry(net::Spooler& spooler, const node::QueueRequest& request, const Reports& reports,
                        const Hosts& hosts) {
  const auto wanted = node::peers_of_request(request, hosts);
  node::QueueAnswer answer;
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

// What the peers' reports say about delayed messages.
struct QueueView {
  explicit QueueView(const Reports& reports) {
    for (const net::PeerReport& report : reports) {
      hosts.insert(report.status.peer_id);
      if (!report.status.delayed_tried.empty()) attempts[report.status.delayed_tried] = report.status.delayed_attempts;
    }
  }

  Hosts hosts;
  std::map<std::string, unsigned, std::less<>> attempts;  // by message name
};

AdminReply work_on(const net::SpoolAccess& access, const node::QueueRequest& request, const QueueView& view,
                   std::size_t line_limit, net::LogSink& log) {
  const node::QueuePlace place{.disk = access.disk,
                               .spool = &access.spool,
                               .hosts = view.hosts,
                               .attempts = view.attempts,
                               .line_limit = line_limit,
                               .log = [&log](core::Severity severity, std::string_view host, std::string_view text) {
                                 log.write(severity,
                                           {.server = host.empty() ? std::string_view("PARENT") : host,
                                            .status = "Delayed messages",
                                            .status_since = std::chrono::system_clock::now()},
                                           text);
                               }};
  try {
    return reply_to(node::work_on_queue(place, request));
  } catch (const std::exception& error) {
    return admin_error(500, std::string("internal error: ") + error.what());
  }
}

AdminReply no_spool(const std::string& trouble) {
  return admin_error(503, trouble.empty() ? "another lonc is still at work in the directory of delayed messages: try "
                                            "again when it has ended"
                                          : trouble);
}

}  // namespace

void add_action_routes(AdminApi& api, DaemonControl& daemon) {
  api.add("POST", "/reconnect", [&daemon](const std::string& body, Done done) {
    auto choice = parse_peers_or_all(body);
    if (!choice) return done(admin_error(400, R"(the body must be {"peers": [ID, ...]} or {"all": true})"));
    daemon.reconnect(std::move(*choice), replying(std::move(done)));
  });
  api.add("POST", "/drain", [&daemon](const std::string& body, Done done) {
    auto choice = parse_peers(body);
    if (!choice) return done(admin_error(400, R"(the body must be {"peers": [ID, ...]})"));
    daemon.drain(std::move(*choice), replying(std::move(done)));
  });
  api.add("POST", "/reload", [&daemon](const std::string& body, Done done) {
    const auto is_forced = parse_force(body);
    if (!is_forced) return done(admin_error(400, R"(the body must be {} or {"force": true})"));
    daemon.reload(*is_forced, replying(std::move(done)));
  });
  api.add("GET", "/log-level", [&daemon](const std::string&, const Done& done) { done(reply_to(daemon.log_level())); });
  api.add("POST", "/log-level", [&daemon](const std::string& body, Done done) {
    const Json word = only_member(body, "level");
    const auto level = word.is_string() ? node::parse_log_level(word.get<std::string>()) : std::nullopt;
    if (!level) return done(admin_error(400, R"(the body must be {"level": LEVEL}, with )" + node::log_level_words()));
    daemon.set_log_level(*level, [level = *level, done = std::move(done)] { done(reply_to(level)); });
  });
}

void add_status_routes(AdminApi& api, DaemonControl& daemon, RenderedCache& status, RenderedCache& metrics) {
  for (const char* const target : {"/status", "/loncstatus.json"})
    api.add("GET", target, text_route(status, json_type));
  api.add("GET", "/metrics", text_route(metrics, metrics_type));
  api.add("GET", "/healthz", [&daemon](const std::string&, const Done& done) {
    daemon.ask_readiness([done](const std::string&) { done({200, "ok\n", text_type}); });
  });
  api.add("GET", "/readyz", [&daemon](const std::string&, const Done& done) {
    daemon.ask_readiness([done](const std::string& why_not) {
      done(why_not.empty() ? AdminReply(200, "ok\n", text_type) : admin_error(503, why_not));
    });
  });
  const auto page = std::make_shared<const std::string>(status_page());
  api.add("GET", "/", [page](const std::string&, const Done& done) { done({200, page, html_type}); });
}

void add_queue_routes(AdminApi& api, StatusBoard& board, net::Spooler& spooler, const node::Settings& settings,
                      net::LogSink& log) {
  const auto run = [&board, &spooler, &settings, &log](const node::QueueRequest& request, const Done& done) {
    board.ask([&spooler, &settings, &log, request, done](const StatusBoard::Shared& snapshot) {
      const QueueView view(snapshot->peers);
      if (request.action == node::QueueAction::retry)
        return done(reply_to(retry(spooler, request, snapshot->peers, view.hosts)));
      const auto peers = peers_to_withdraw(request, view.hosts);
      const std::size_t line_limit = settings.peer.engine.max_line_length;
      const auto work = [&spooler, &log, request, done, view, line_limit](const net::SpoolAccess* access) {
        done(access ? work_on(*access, request, view, line_limit, log) : no_spool(spooler.report().trouble));
      };
      peers ? spooler.administer(*peers, work) : spooler.inspect(work);
    });
  };
  for (const auto action : {node::QueueAction::list, node::QueueAction::show, node::QueueAction::retry,
                            node::QueueAction::hold, node::QueueAction::drop, node::QueueAction::release}) {
    api.add("POST", "/queue/" + std::string(to_string(action)),
            [run, action](const std::string& body, const Done& done) {
              std::string fault;
              const auto request = node::parse_queue_request(action, body, fault);
              if (!request) return done(admin_error(400, fault));
              run(*request, done);
            });
  }
}

}  // namespace lonc::daemon
