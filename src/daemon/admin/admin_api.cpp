#include "daemon/admin/admin_api.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <exception>

namespace lonc::daemon {

namespace {

// No valid request is nested deeper. There is a limit because JSON values are built, copied and walked recursively.
constexpr int deepest_body = 8;

bool is_too_deep(std::string_view json) {
  int depth = 0;
  bool is_text = false;
  for (std::size_t at = 0; at < json.size(); ++at) {
    const char c = json[at];
    if (is_text) {
      if (c == '\\') ++at;
      if (c == '"') is_text = false;
    } else if (c == '"') {
      is_text = true;
    } else if (c == '[' || c == '{') {
      if (++depth > deepest_body) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

AdminReply admin_error(unsigned status, std::string_view text) {
  const nlohmann::json body{{"error", text}};
  return {status, body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

void AdminApi::add(const std::string& method, const std::string& target, Route route) {
  routes_[target][method] = std::move(route);
}

void AdminApi::handle(const AdminRequest& request, const Done& done) const {
  const auto target = routes_.find(request.target.substr(0, request.target.find('?')));
  if (target == routes_.end()) return done(admin_error(404, "there is nothing with this name"));
  const auto& methods = target->second;
  const auto route = methods.find(request.method);
  if (route == methods.end()) {
    std::string names;
    for (const auto& [name, ignored] : methods) names += (names.empty() ? "" : " or ") + name;
    return done(admin_error(405, "the method must be " + names));
  }
  if (is_too_deep(request.body))
    return done(admin_error(400, "the body is nested more than " + std::to_string(deepest_body) + " deep"));
  try {
    route->second(request.body, done);
  } catch (const std::exception& error) {
    done(admin_error(500, std::string("internal error: ") + error.what()));
  }
}

}  // namespace lonc::daemon
