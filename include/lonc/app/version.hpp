// The version of this build, as CMakeLists.txt gives it.
#pragma once

namespace lonc::app {

extern const char* const version;

}  // namespace lonc::app
