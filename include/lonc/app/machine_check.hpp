// What the machine has to offer for given settings: directories, user, group, descriptors. Changes nothing.
#pragma once

#include <lonc/app/settings_loader.hpp>
#include <lonc/core/problem.hpp>

#include <cstddef>
#include <vector>

namespace lonc::app {

// An error means that the daemon could not work.
std::vector<core::Problem> check_machine(const LoadedSettings& loaded, std::size_t peers);

}  // namespace lonc::app
