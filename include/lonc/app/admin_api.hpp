// What can be asked of the daemon (docs/admin-api.md): a table from method and target to the part that answers. What
// stands in it is added by subject: admin_*_routes.hpp. Knows nothing of sockets.
#pragma once

#include <lonc/app/admin_message.hpp>

#include <functional>
#include <map>
#include <string>

namespace lonc::app {

class AdminApi {
 public:
  using Done = std::function<void(AdminReply)>;  // to be called once, from any thread
  using Route = std::function<void(const std::string& body, Done done)>;

  void add(const std::string& method, const std::string& target, Route route);

  // The query of the target is passed over.
  void handle(const AdminRequest& request, Done done) const;

 private:
  std::map<std::string, std::map<std::string, Route>, std::less<>> routes_;  // by target, then method
};

}  // namespace lonc::app
