#include <lonc/app/admin_api.hpp>

#include <utility>

namespace lonc::app {

void AdminApi::add(const std::string& method, const std::string& target, Route route) {
  routes_[target][method] = std::move(route);
}

void AdminApi::handle(const AdminRequest& request, Done done) const {
  const auto target = routes_.find(request.target.substr(0, request.target.find('?')));
  if (target == routes_.end()) return done(admin_error(404, "there is nothing of this name"));
  const auto& methods = target->second;
  const auto route = methods.find(request.method);
  if (route != methods.end()) return route->second(request.body, std::move(done));
  std::string names;
  for (const auto& [name, ignored] : methods) names += (names.empty() ? "" : " or ") + name;
  done(admin_error(405, "the method here is " + names));
}

}  // namespace lonc::app
