// One call over lonc's admin socket.
#pragma once

#include <string>
#include <system_error>

namespace lonc::ctl {

struct AdminResponse {
  std::error_code error;  // lonc was not reached, or has not answered
  bool is_connected = false;
  unsigned status = 0;  // of HTTP
  std::string body;
};

// POST with a JSON body. Waits a little longer than lonc itself waits for its disk.
AdminResponse post_to_admin(const std::string& path, const std::string& target, const std::string& body);

// GET.
AdminResponse get_from_admin(const std::string& path, const std::string& target);

}  // namespace lonc::ctl
