// Findings about this server's clock, compared with those of the peers' web servers (the Date of an HTTP answer).
#pragma once

#include "age.hpp"

#include <lonc/core/host_table.hpp>
#include <lonc/core/problem.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lonc::ctl {

// "Sun, 06 Nov 1994 08:49:37 GMT", the one form that is sent today. Nothing if it is anything else.
std::optional<WallTime> parse_http_date(std::string_view text);

struct ClockSample {
  std::string peer;
  std::chrono::duration<double> ahead;  // of ours
};

// The middle of all samples counts: one peer with a wrong clock is not taken for this server's. Pure.
std::optional<core::Problem> judge_clock(std::vector<ClockSample> samples);

// Asks some of these hosts; one without a web server tells nothing.
std::vector<core::Problem> check_clock(const std::vector<core::Host>& hosts, std::uint16_t http_port,
                                       std::chrono::milliseconds timeout);

}  // namespace lonc::ctl
