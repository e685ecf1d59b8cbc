#include <lonc/node/spool/queue_request.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <stdexcept>

namespace lonc::node {

namespace {

using nlohmann::json;

// In the order of QueueAction.
constexpr std::array<std::string_view, 6> words{"list", "show", "retry", "hold", "drop", "release"};

void need(bool is_right, const std::string& fault) {
  if (!is_right) throw std::invalid_argument(fault);
}

std::string text_in(const json& value, const std::string& what) {
  need(value.is_string() && !value.get_ref<const std::string&>().empty(), what + " must be a text that is not empty");
  return value.get<std::string>();
}

bool flag_in(const json& value, const std::string& what) {
  need(value.is_boolean(), what + " must be true or false");
  return value.get<bool>();
}

// Takes a member of the body. Throws std::invalid_argument with a human-readable message, as check() does.
void take(QueueRequest& request, const std::string& name, const json& value) {
  if (name == "names") {
    need(value.is_array(), "names must be a list");
    for (const json& each : value) request.names.push_back(text_in(each, "a name"));
  } else if (name == "peer") {
    request.peer = text_in(value, name);
  } else if (name == "all") {
    request.is_all = flag_in(value, name);
  } else if (name == "quarantine") {
    request.in_quarantine = flag_in(value, name);
  } else if (name == "limit") {
    need(value.is_number_unsigned() && value.get<std::uint64_t>() >= 1 &&
             value.get<std::uint64_t>() <= longest_queue_limit,
         "limit must be a number from 1 to 10000");
    request.limit = value.get<std::size_t>();
  } else {
    throw std::invalid_argument("there is an unknown member");
  }
}

void check(const QueueRequest& request) {
  const int ways = (request.names.empty() ? 0 : 1) + (request.peer.empty() ? 0 : 1) + (request.is_all ? 1 : 0);
  need(ways == 1, "give one of names, peer and all");
  need(request.action != QueueAction::show || !request.names.empty(), "show needs names");
  need(request.names.size() <= request.limit, "there are more names than limit allows");
}

json to_object(const QueuedMessage& message) {
  json object{{"name", message.name},
              {"peer", message.peer},
              {"state", message.state},
              {"age_s", std::chrono::duration<double>(message.age).count()},
              {"size", message.size},
              {"command", message.command},
              {"encrypted", message.is_encrypted},
              {"attempts", message.attempts}};
  if (!message.original_name.empty()) object["original_name"] = message.original_name;
  if (message.state == "quarantined") object["reason"] = message.reason;
  if (message.fault) object["fault"] = *message.fault;
  return object;
}

// File names may contain any bytes.
std::string text_of(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

}  // namespace

std::string_view to_string(QueueAction action) { return words.at(static_cast<std::size_t>(action)); }

std::optional<QueueAction> queue_action(std::string_view word) {
  const auto found = std::ranges::find(words, word);
  return found == words.end() ? std::nullopt : std::optional(static_cast<QueueAction>(found - words.begin()));
}

std::optional<QueueRequest> parse_queue_request(QueueAction action, std::string_view text, std::string& fault) {
  const json body = json::parse(text, nullptr, false);
  if (!body.is_object()) {
    fault = "the body must be a JSON object";
    return std::nullopt;
  }
  QueueRequest request{.action = action};
  try {
    for (const auto& [name, value] : body.items()) take(request, name, value);
    check(request);
  } catch (const std::invalid_argument& error) {
    fault = error.what();
    return std::nullopt;
  }
  return request;
}

std::string to_json(const QueueRequest& request) {
  json body{{"limit", request.limit}};
  if (!request.names.empty()) body["names"] = request.names;
  if (!request.peer.empty()) body["peer"] = request.peer;
  if (request.is_all) body["all"] = true;
  if (request.in_quarantine) body["quarantine"] = true;
  return text_of(body);
}

std::string to_json(const QueueAnswer& answer) {
  json body{{"total", answer.total}, {"done", answer.done}, {"messages", json::array()}, {"problems", json::array()}};
  for (const QueuedMessage& message : answer.messages) body["messages"].push_back(to_object(message));
  for (const QueueProblem& problem : answer.problems)
    body["problems"].push_back({{"name", problem.name}, {"text", problem.text}});
  if (!answer.error.empty()) body["error"] = answer.error;
  return text_of(body) + "\n";
}

}  // namespace lonc::node
