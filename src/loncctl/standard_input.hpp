// What is piped into loncctl.
#pragma once

#include <cstddef>
#include <string>

namespace lonc::ctl {

// All of it up to `limit` bytes: one byte more than may be used tells that it is too long. Throws Failure.
std::string read_standard_input(std::size_t limit);

}  // namespace lonc::ctl
