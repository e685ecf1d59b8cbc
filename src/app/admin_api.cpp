#include <lonc/app/admin_api.hpp>

#include <string_view>
#include <utility>

namespace lonc::app {

namespace {

// No request here is nested deeper. Whoever builds, copies or walks what is does so by recursion.
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

void AdminApi::add(const std::string& method, const std::string& target, Route route) {
  routes_[target][method] = std::move(route);
}

void AdminApi::handle(const AdminRequest& request, Done done) const {
  const auto target = routes_.find(request.target.substr(0, request.target.find('?')));
  if (target == routes_.end()) return done(admin_error(404, "there is nothing of this name"));
  const auto& methods = target->second;
  const auto route = methods.find(request.method);
  if (route != methods.end() && is_too_deep(request.body))
    return done(admin_error(400, "the body is nested more than " + std::to_string(deepest_body) + " deep"));
  if (route != methods.end()) return route->second(request.body, std::move(done));
  std::string names;
  for (const auto& [name, ignored] : methods) names += (names.empty() ? "" : " or ") + name;
  done(admin_error(405, "the method here is " + names));
}

}  // namespace lonc::app
