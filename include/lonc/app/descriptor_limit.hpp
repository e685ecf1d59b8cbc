// How many file descriptors this process may have, and whether the configured peers and clients fit. Every socket
// is one.
#pragma once

#include <lonc/app/settings.hpp>
#include <lonc/core/problem.hpp>

#include <cstddef>
#include <optional>
#include <system_error>

namespace lonc::app {

// Raises the soft limit to the hard one. `limit` is what holds afterwards; on error the old one.
struct DescriptorLimit {
  std::size_t limit = 0;
  std::error_code error;
};
DescriptorLimit raise_descriptor_limit();

struct DescriptorFit {
  std::size_t needed = 0;  // for everything that the settings allow
  unsigned clients = 0;    // max_clients, or as many as fit
  // error: the peers alone do not fit. warning: fewer clients than configured do.
  std::optional<core::Problem> problem;
};
DescriptorFit fit_descriptors(std::size_t limit, std::size_t peers, const Settings& settings);

}  // namespace lonc::app
