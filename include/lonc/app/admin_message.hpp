// A request of an administrator and the answer, as values: what AdminServer carries and AdminApi answers.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace lonc::app {

struct AdminRequest {
  std::string method;  // "GET", "POST", ...
  std::string target;  // with its query
  std::string body;
};

inline constexpr std::string_view json_type = "application/json";
inline constexpr std::string_view text_type = "text/plain; charset=utf-8";
inline constexpr std::string_view html_type = "text/html; charset=utf-8";

struct AdminReply {
  // `content_type` is one that lives as long as the program.
  AdminReply(unsigned http_status, std::string text, std::string_view type = json_type)
      : AdminReply(http_status, std::make_shared<const std::string>(std::move(text)), type) {}
  AdminReply(unsigned http_status, std::shared_ptr<const std::string> text, std::string_view type)
      : status(http_status), body(std::move(text)), content_type(type) {}

  unsigned status;                          // of HTTP
  std::shared_ptr<const std::string> body;  // never null; large ones are shared by all who asked for them
  std::string_view content_type;
};

// {"error": TEXT}
AdminReply admin_error(unsigned status, std::string_view text);

}  // namespace lonc::app
