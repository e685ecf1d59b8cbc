#include "sim/world.hpp"

#include <cstdio>
#include <cstdlib>

namespace lonc::sim {

World& World::get() {
  static World world;
  return world;
}

void World::run_one() {
  const auto event = std::move(events_.begin()->second);
  events_.erase(events_.begin());
  count("steps");
  event();
}

void World::violate(std::string_view kind, std::string_view text) {
  const std::string violation = std::string(kind) + ": " + std::string(text);
  trace("VIOLATION", violation);
  on_violation(violation);
  std::abort();
}

void World::trace(std::string_view who, std::string_view what) {
  if (!is_tracing) return;
  constexpr double per_second = 1e9;
  std::printf("%12.6f %-10.*s %.*s\n", static_cast<double>(now_.count()) / per_second, static_cast<int>(who.size()),
              who.data(), static_cast<int>(what.size()), what.data());
}

std::string shown(std::string_view line) {
  constexpr std::size_t most = 48;
  std::string text;
  for (const char byte : line.substr(0, most)) text += byte >= ' ' && byte <= '~' ? byte : '?';
  return line.size() <= most ? "'" + text + "'" : "'" + text + "...' of " + std::to_string(line.size()) + " bytes";
}

std::uint64_t hash_of(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
  return hash;
}

}  // namespace lonc::sim
