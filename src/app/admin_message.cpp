#include <lonc/app/admin_message.hpp>

#include <nlohmann/json.hpp>

namespace lonc::app {

AdminReply admin_error(unsigned status, std::string_view text) {
  const nlohmann::json body{{"error", text}};
  return {status, body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

}  // namespace lonc::app
