// An administrator's request and its answer as values, and the routing table (docs/admin-api.md): from method and
// target to the function that answers. Independent of sockets.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace lonc::daemon {

struct AdminRequest {
  std::string method;  // "GET", "POST", ...
  std::string target;  // including the query
  std::string body;
};

inline constexpr std::string_view json_type = "application/json";
inline constexpr std::string_view text_type = "text/plain; charset=utf-8";
inline constexpr std::string_view html_type = "text/html; charset=utf-8";

struct AdminReply {
  // The text of `content_type` must have static lifetime.
  AdminReply(unsigned http_status, std::string text, std::string_view type = json_type)
      : AdminReply(http_status, std::make_shared<const std::string>(std::move(text)), type) {}
  AdminReply(unsigned http_status, std::shared_ptr<const std::string> text, std::string_view type)
      : status(http_status), body(std::move(text)), content_type(type) {}

  unsigned status;                          // HTTP status code
  std::shared_ptr<const std::string> body;  // never null; large bodies are shared by all requesters
  std::string_view content_type;
};

// {"error": TEXT}
AdminReply admin_error(unsigned status, std::string_view text);

// admin_routes.hpp fills the table before the first request; after that, any thread may call handle().
class AdminApi {
 public:
  using Done = std::function<void(AdminReply)>;  // must be called once, from any thread
  using Route = std::function<void(const std::string& body, Done done)>;

  void add(const std::string& method, const std::string& target, Route route);

  // Ignores the query of the target. Answers 500 if a route throws an exception.
  void handle(const AdminRequest& request, const Done& done) const;

 private:
  std::map<std::string, std::map<std::string, Route>, std::less<>> routes_;  // by target, then method
};

}  // namespace lonc::daemon
