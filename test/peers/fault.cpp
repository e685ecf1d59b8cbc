#include "peers/fault.hpp"

#include <array>
#include <utility>

namespace lonc::standin {

std::optional<Fault> parse_fault(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, Fault>, 17> names{{
      {"none", Fault::none},
      {"refuse", Fault::refuse},
      {"wrong", Fault::wrong},
      {"silent-init", Fault::silent_init},
      {"silent-ok", Fault::silent_ok},
      {"silent-pong", Fault::silent_pong},
      {"silent-ekey", Fault::silent_ekey},
      {"close-init", Fault::close_init},
      {"close-ok", Fault::close_ok},
      {"close-pong", Fault::close_pong},
      {"close-ekey", Fault::close_ekey},
      {"overlong", Fault::overlong},
      {"garbage", Fault::garbage},
      {"garbage-ekey", Fault::garbage_ekey},
      {"wrong-id", Fault::wrong_id},
      {"drip", Fault::drip},
      {"accept-only", Fault::accept_only},
  }};
  for (const auto& [known, fault] : names) {
    if (known == name) return fault;
  }
  return std::nullopt;
}

}  // namespace lonc::standin
