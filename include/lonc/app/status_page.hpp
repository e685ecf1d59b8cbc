// The status page, config/status.html as it was when this was built.
#pragma once

#include <string_view>

namespace lonc::app {

std::string_view status_page();

}  // namespace lonc::app
