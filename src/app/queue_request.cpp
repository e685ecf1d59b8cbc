#include <lonc/app/queue_request.hpp>

#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace lonc::app {

namespace {

using nlohmann::json;

constexpr std::array<std::pair<std::string_view, QueueAction>, 6> words{{{"list", QueueAction::list},
                                                                         {"show", QueueAction::show},
                                                                         {"retry", QueueAction::retry},
                                                                         {"hold", QueueAction::hold},
                                                                         {"drop", QueueAction::drop},
                                                                         {"release", QueueAction::release}}};

// Takes the members that are known out of `body`; throws std::invalid_argument in words for a person.
class Reader {
 public:
  explicit Reader(const json& body) : body_(body) {}

  void read(QueueRequest& request) {
    for (const auto& [name, value] : body_.items()) take(request, name, value);
    const int ways = static_cast<int>(!request.names.empty()) + static_cast<int>(!request.peer.empty()) +
                     static_cast<int>(request.is_all);
    if (ways != 1) throw std::invalid_argument("give one of names, peer and all");
    if (request.action == QueueAction::show && request.names.empty()) throw std::invalid_argument("show needs names");
    if (request.names.size() > request.limit) throw std::invalid_argument("there are more names than limit allows");
  }

 private:
  static void take(QueueRequest& request, const std::string& name, const json& value) {
    if (name == "names") {
      need(value.is_array(), "names has to be a list");
      for (const json& each : value) request.names.push_back(text(each, "a name"));
    } else if (name == "peer") {
      request.peer = text(value, "peer");
    } else if (name == "all") {
      need(value.is_boolean(), "all has to be true or false");
      request.is_all = value.get<bool>();
    } else if (name == "quarantine") {
      need(value.is_boolean(), "quarantine has to be true or false");
      request.in_quarantine = value.get<bool>();
    } else if (name == "limit") {
      need(value.is_number_unsigned() && value.get<std::uint64_t>() >= 1 &&
               value.get<std::uint64_t>() <= longest_queue_limit,
           "limit has to be a number from 1 to 10000");
      request.limit = value.get<std::size_t>();
    } else {
      throw std::invalid_argument("there is a member that is not known");
    }
  }

  static void need(bool is_right, const char* fault) {
    if (!is_right) throw std::invalid_argument(fault);
  }

  static std::string text(const json& value, const std::string& what) {
    if (!value.is_string() || value.get_ref<const std::string&>().empty())
      throw std::invalid_argument(what + " has to be a text that is not empty");
    return value.get<std::string>();
  }

  const json& body_;
};

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

// Names of files may hold any bytes.
std::string text_of(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

}  // namespace

std::string_view to_string(QueueAction action) {
  for (const auto& [word, value] : words) {
    if (value == action) return word;
  }
  return "";
}

std::optional<QueueAction> queue_action(std::string_view word) {
  for (const auto& [known, action] : words) {
    if (known == word) return action;
  }
  return std::nullopt;
}

std::optional<QueueRequest> parse_queue_request(QueueAction action, std::string_view text, std::string& fault) {
  const json body = json::parse(text, nullptr, false);
  if (!body.is_object()) {
    fault = "the body has to be a JSON object";
    return std::nullopt;
  }
  QueueRequest request{.action = action};
  try {
    Reader(body).read(request);
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

}  // namespace lonc::app
