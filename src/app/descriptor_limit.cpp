#include <lonc/app/descriptor_limit.hpp>

#include <lonc/app/setting_table.hpp>
#include <lonc/net/file_write.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <string>

namespace lonc::app {
namespace {

// Log, pid file, event loop, name look-ups, spool and status files, admin socket, and room for what libraries open.
constexpr std::size_t reserve = 64;

constexpr const char* remedy =
    "raise the limit (LimitNOFILE= of the service, or `ulimit -Hn`), or lower max-clients or max-connections";

std::size_t as_size(rlim_t value) { return value == RLIM_INFINITY ? SIZE_MAX : static_cast<std::size_t>(value); }

// Of all peers together.
struct Connections {
  std::size_t always = 0;
  std::size_t surplus = 0;

  void add(std::size_t peers, const Settings& settings) {
    always += peers * settings.min_connections;
    if (settings.max_connections > settings.min_connections)
      surplus += peers * (settings.max_connections - settings.min_connections);
  }
};

Connections connections_of(std::size_t peers, const Settings& settings) {
  Connections connections;
  for (const auto& [id, values] : settings.of_peers) {
    if (peers == 0) break;
    --peers;
    connections.add(1, settings_of(settings, id));
  }
  connections.add(peers, settings);
  return connections;
}

}  // namespace

DescriptorLimit raise_descriptor_limit() {
  rlimit limits{};
  if (::getrlimit(RLIMIT_NOFILE, &limits) != 0) return {0, net::last_error()};
  const rlimit raised{limits.rlim_max, limits.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &raised) != 0) return {as_size(limits.rlim_cur), net::last_error()};
  return {as_size(raised.rlim_cur), {}};
}

DescriptorFit fit_descriptors(std::size_t limit, std::size_t peers, const Settings& settings) {
  const Connections connections = connections_of(peers, settings);
  // Each peer has its listening socket, the epoll instance of its clients, and the connections that are always open.
  // One more connection is opened only when all are busy, so there are never more of these than clients.
  const std::size_t always = reserve + 2 * peers + connections.always;
  const std::size_t surplus = connections.surplus;
  DescriptorFit fit;
  fit.clients = settings.max_clients;
  fit.needed = always + settings.max_clients + std::min<std::size_t>(surplus, settings.max_clients);
  if (fit.needed <= limit) return fit;

  const std::size_t left = limit > always ? limit - always : 0;
  const std::size_t clients = left >= 2 * surplus ? left - surplus : left / 2;
  // If not all connections fit: peers that are away need none, and those without clients no epoll instance. So clients
  // get a third of what the listeners leave; each may need one of both beside its own.
  const std::size_t listening = reserve + peers;
  const std::size_t third = limit > listening + 2 ? (limit - listening) / 3 : 1;
  const std::size_t served = clients > 0 ? clients : third;
  fit.clients = static_cast<unsigned>(std::min<std::size_t>(served, settings.max_clients));
  std::string text = std::to_string(peers) + " peers and " + std::to_string(settings.max_clients) + " clients need " +
                     std::to_string(fit.needed) + " file descriptors, but only " + std::to_string(limit) +
                     " are allowed: ";
  if (clients == 0) {
    text += "not even all connections to the peers fit";
    fit.problem = core::Problem{core::Problem::Kind::error, {}, 0, std::move(text), remedy};
  } else {
    text += "at most " + std::to_string(fit.clients) + " clients are served at once";
    fit.problem = core::Problem{core::Problem::Kind::warning, {}, 0, std::move(text), remedy};
  }
  return fit;
}

}  // namespace lonc::app
