#include "sim/script.hpp"

#include <algorithm>
#include <array>

namespace lonc::sim {

namespace {

Entry::Kind draw_kind(Draw& draw) {
  const std::uint64_t at = draw.below(100);
  if (at < 58) return Entry::Kind::client;
  if (at < 76) return Entry::Kind::answer_fault;
  if (at < 82) return Entry::Kind::peer_state;
  if (at < 87) return Entry::Kind::peer_act;
  if (at < 92) return Entry::Kind::operate;
  if (at < 94) return Entry::Kind::disk;
  return Entry::Kind::message;
}

}  // namespace

Script draw_script(std::uint64_t seed) {
  Draw draw(seed, 1);
  Script script{.seed = seed};
  script.peers = static_cast<int>(draw.size(1, 3));
  script.end = std::chrono::milliseconds{draw.size(2'000, 30'000)};
  const std::size_t entries = draw.size(15, 60);
  // Much happens at the same time, and some of it at exactly the same time.
  const auto grid = static_cast<std::uint64_t>(draw.percent(50) ? 1'000'000 : 100'000'000);
  const auto length = static_cast<std::uint64_t>(script.end.count());
  for (std::size_t number = 0; number != entries; ++number) {
    const std::uint64_t at = draw.below(length / grid + 1) * grid;
    const auto kind = draw_kind(draw);
    script.entries.push_back({.at = Time(static_cast<Time::rep>(at)),
                              .kind = kind,
                              .peer = static_cast<int>(draw.below(static_cast<std::uint64_t>(script.peers))),
                              .draw = draw.next()});
  }
  std::ranges::stable_sort(script.entries, {}, &Entry::at);
  return script;
}

Script draw_days(std::uint64_t seed, std::uint64_t days) {
  Draw draw(seed, 4);
  Script script{.seed = seed, .peers = 50, .end = days * 24h, .is_long = true};
  for (std::uint64_t day = 0; day != days; ++day) {
    for (std::size_t count = draw.size(20, 40); count != 0; --count) {
      const Time time = day * 24h + night_end + std::chrono::milliseconds{draw.below((24h - night_end) / 1ms)};
      const std::uint64_t kind = draw.below(100);
      script.entries.push_back({.at = time,
                                .kind = kind < 60   ? Entry::Kind::client
                                        : kind < 72 ? Entry::Kind::message
                                        : kind < 82 ? Entry::Kind::answer_fault
                                        : kind < 86 ? Entry::Kind::peer_state
                                        : kind < 94 ? Entry::Kind::peer_act
                                        : kind < 99 ? Entry::Kind::operate
                                                    : Entry::Kind::disk,
                                .peer = static_cast<int>(draw.below(static_cast<std::uint64_t>(script.peers))),
                                .draw = draw.next()});
    }
  }
  std::ranges::stable_sort(script.entries, {}, &Entry::at);
  return script;
}

std::string describe(const Entry& entry) {
  static constexpr std::array<const char*, 7> kinds{"client",  "answer fault", "peer state", "peer act",
                                                    "operate", "disk",         "message"};
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(entry.at).count()) + " ms, p" +
         std::to_string(entry.peer) + ": " + kinds[static_cast<std::size_t>(entry.kind)] + " " +
         std::to_string(entry.draw);
}

}  // namespace lonc::sim
