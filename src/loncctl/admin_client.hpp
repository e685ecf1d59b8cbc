// One call over lonc's admin socket.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <system_error>

namespace lonc::ctl {

struct AdminResponse {
  std::error_code error;  // lonc was not reached, or has not answered; timed_out if it was waited for in vain
  bool is_connected = false;
  unsigned status = 0;  // of HTTP
  std::string body;
};

// POST with a JSON body. Waits a little longer than lonc itself waits for its disk.
AdminResponse post_to_admin(const std::string& path, const std::string& target, const std::string& body);

// How long an answer is waited for.
struct Patience {
  // Until its first byte, and from one to the next.
  std::chrono::milliseconds silence = std::chrono::seconds{5};
  // Where there is one: asked again and again; once it is true, the call ends with operation_canceled.
  std::function<bool()> wants_end;
};

// A status of 10,000 peers is made in two seconds, or in five on a machine that has much else to do.
constexpr std::chrono::milliseconds silence_before_status = std::chrono::seconds{10};

// GET.
AdminResponse get_from_admin(const std::string& path, const std::string& target, const Patience& patience = {});

}  // namespace lonc::ctl
