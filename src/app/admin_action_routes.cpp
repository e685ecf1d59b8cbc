#include <lonc/app/admin_action_routes.hpp>

#include <lonc/app/setting_table.hpp>

#include <nlohmann/json.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace lonc::app {

namespace {

using Json = nlohmann::ordered_json;
using Done = AdminApi::Done;

AdminReply reply(unsigned status, const Json& json) {
  return {status, json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

// Its `member` alone; null if the body is anything else.
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

// Without a body, or with an empty one, a reload is not forced.
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
                     {"replaced", result.change.replaced},
                     {"adjusted", result.change.adjusted},
                     {"problems", std::move(problems)},
                     {"needs_restart", result.needs_restart}});
}

AdminReply level_reply(core::Severity level) { return reply(200, {{"level", log_level_word(level)}}); }

}  // namespace

void add_action_routes(AdminApi& api, ActionServices services) {
  const auto shared = std::make_shared<const ActionServices>(std::move(services));
  api.add("POST", "/reconnect", [shared](const std::string& body, Done done) {
    auto choice = parse_peers_or_all(body);
    if (!choice) return done(admin_error(400, R"(the body has to be {"peers": [ID, ...]} or {"all": true})"));
    shared->reconnect(std::move(*choice),
                      [done = std::move(done)](const PeersDone& result) { done(reply_to(result)); });
  });
  api.add("POST", "/drain", [shared](const std::string& body, Done done) {
    auto choice = parse_peers(body);
    if (!choice) return done(admin_error(400, R"(the body has to be {"peers": [ID, ...]})"));
    shared->drain(std::move(*choice), [done = std::move(done)](const PeersDone& result) { done(reply_to(result)); });
  });
  api.add("POST", "/reload", [shared](const std::string& body, Done done) {
    const auto is_forced = parse_force(body);
    if (!is_forced) return done(admin_error(400, R"(the body has to be {} or {"force": true})"));
    shared->reload(*is_forced, [done = std::move(done)](const ReloadResult& result) { done(reply_to(result)); });
  });
  api.add("GET", "/log-level",
          [shared](const std::string&, const Done& done) { done(level_reply(shared->log_level())); });
  api.add("POST", "/log-level", [shared](const std::string& body, Done done) {
    const Json word = only_member(body, "level");
    const auto level = word.is_string() ? parse_log_level(word.get<std::string>()) : std::nullopt;
    if (!level) return done(admin_error(400, R"(the body has to be {"level": LEVEL}, with )" + log_level_words()));
    shared->set_log_level(*level, [level = *level, done = std::move(done)] { done(level_reply(level)); });
  });
}

}  // namespace lonc::app
