#include "sim/peer_config.hpp"

#include "sim/judge.hpp"

#include <chrono>

namespace lonc::sim {

namespace {

void use_default_times(core::PeerSettings& engine) {
  const core::PeerSettings usual;
  engine.connect_wait = usual.connect_wait;
  engine.connect_timeout = usual.connect_timeout;
  engine.pong_timeout = usual.pong_timeout;
  engine.request_timeout = usual.request_timeout;
  engine.idle_timeout = usual.idle_timeout;
  engine.exit_timeout = usual.exit_timeout;
  engine.pipeline_trust = usual.pipeline_trust;
  engine.delayed_timeout = usual.delayed_timeout;
  engine.delayed_first = usual.delayed_first;
}

}  // namespace

std::string address_of(int peer, int place) {
  return "127.0." + std::to_string(place) + "." + std::to_string(peer + 1);
}

net::PeerConfig draw_config(int peer, Draw& draw, const std::string& path, bool is_long) {
  net::PeerConfig config;
  config.engine.peer_id = Judge::id_of(peer);
  config.engine.own_id = "us";
  config.engine.connect_wait = std::chrono::milliseconds{draw.size(200, 5000)};
  config.engine.connect_timeout = std::chrono::milliseconds{draw.size(500, 10'000)};
  config.engine.pong_timeout = std::chrono::milliseconds{draw.size(1000, 20'000)};
  config.engine.request_timeout = std::chrono::milliseconds{draw.size(200, 4000)};
  config.engine.idle_timeout = std::chrono::milliseconds{draw.size(500, 20'000)};
  config.engine.exit_timeout = std::chrono::milliseconds{draw.size(100, 2000)};
  config.engine.min_connections = draw.size(1, 2);
  config.engine.max_connections = draw.size(2, 6);
  config.engine.pipeline_depth = draw.size(2, 64);
  config.engine.pipeline_trust = std::chrono::seconds{draw.size(1, 60)};
  config.engine.delayed_timeout = std::chrono::milliseconds{draw.size(500, 5000)};
  config.engine.delayed_first = std::chrono::milliseconds{draw.size(0, 2000)};
  // The draws are the same.
  if (is_long) use_default_times(config.engine);
  config.engine.max_queue = draw.percent(10) ? 3 : 10'000;
  config.engine.max_line_length = draw.percent(10) ? 100'000 : core::default_line_limit;
  config.name = "unused.example";
  config.address = address_of(peer, 1);
  config.port = lond_port;
  config.socket_path = path;
  return config;
}

}  // namespace lonc::sim
