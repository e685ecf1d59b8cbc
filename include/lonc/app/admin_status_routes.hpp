// Calls that only look: the status, the page that shows it, the metrics, and whether the daemon is well.
#pragma once

#include <lonc/app/admin_api.hpp>
#include <lonc/app/shared_text.hpp>

#include <functional>
#include <string>

namespace lonc::app {

struct StatusServices {
  SharedText& status;
  SharedText& metrics;
  // Asks on the loop, so that an answer shows that it turns: why the daemon is not ready, empty if it is.
  std::function<void(std::function<void(const std::string& why_not)>)> readiness;
};

void add_status_routes(AdminApi& api, StatusServices services);

}  // namespace lonc::app
