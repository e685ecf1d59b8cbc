#include "peers/standin.hpp"

#include <sstream>
#include <utility>

namespace lonc::standin {

namespace {

std::string stats_of(const Host& host) {
  const Host::Counters& counters = host.counters();
  std::ostringstream text;
  text << "stats " << host.id() << " connections " << host.connections() << " requests " << counters.requests
       << " accepted " << counters.accepted << " pongs " << counters.pongs;
  return text.str();
}

bool apply(Host& host, std::string_view command, std::string_view argument) {
  if (command == "down") {
    host.down();
  } else if (command == "up") {
    host.listen();
  } else if (command == "drop") {
    host.drop();
  } else if (command == "hole") {
    BlackHole::fill({host.become_black_hole()});
  } else if (const auto fault = parse_fault(argument); command == "fault" && fault) {
    host.set_fault(*fault);
  } else {
    return false;
  }
  return true;
}

}  // namespace

Host& Standin::add(std::string id, Host::Tcp::endpoint endpoint) {
  hosts_.push_back(std::make_unique<Host>(io_, std::move(id), std::move(endpoint), environment_));
  return *hosts_.back();
}

Host* Standin::find(std::string_view id) {
  for (const auto& host : hosts_) {
    if (host->id() == id) return host.get();
  }
  return nullptr;
}

std::string Standin::control(std::string_view line) {
  std::istringstream words{std::string(line)};
  std::string command;
  std::string id;
  std::string argument;
  words >> command >> id >> argument;
  Host* const host = find(id);
  if (!host) return "error no such host";
  if (command == "stats") return stats_of(*host);
  try {
    if (!apply(*host, command, argument)) return "error no such command";
  } catch (const std::exception& error) {
    return std::string("error ") + error.what();
  }
  return "done " + std::string(line);
}

}  // namespace lonc::standin
