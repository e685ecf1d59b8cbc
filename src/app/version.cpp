#include <lonc/app/version.hpp>

namespace lonc::app {

const char* const version = LONC_VERSION;

}  // namespace lonc::app
