// A peer session with all its services, and the part of lond that the tests need.
#pragma once

#include "net/net_support.hpp"

#include <lonc/core/base/error.hpp>
#include <lonc/net/client/client_limit.hpp>
#include <lonc/net/peer/connect_gate.hpp>
#include <lonc/net/peer/resolver.hpp>
#include <lonc/net/session/peer_session.hpp>
#include <lonc/net/spool/spooler.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace lonc::test {

// The lond end of one connection. poll() answers the handshake and keeps the requests.
class ScriptedLond {
 public:
  explicit ScriptedLond(os::UniqueFd fd) : wire(std::move(fd)) {}

  void poll() {
    std::string line;
    while (wire.take_line(line)) {
      if (line == "init") {
        wire.send("4711\n");
      } else if (line == "4711") {
        wire.send("ok\n");
      } else if (line == "pong") {
        wire.send("msul1:msul2\n");
      } else if (line == "ekey") {
        wire.send("81234A0ABCDEF9870BCD0045678\n");
      } else {
        requests.push_back(line);
      }
    }
  }

  Wire wire;
  std::vector<std::string> requests;
};

// A name server with one name. Shared with lookups that outlive the test's resolver.
class OneName {
 public:
  net::Resolver::Answer look_up() {
    const std::lock_guard lock(mutex_);
    ++asked_;
    if (addresses_.empty()) return {core::Errc::name_not_found, {}};
    return {{}, addresses_};
  }
  // None: the lookup fails.
  void lead_to(const std::vector<std::string>& addresses) {
    const std::lock_guard lock(mutex_);
    addresses_.clear();
    for (const auto& address : addresses) addresses_.push_back(boost::asio::ip::make_address(address));
  }
  int asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  std::mutex mutex_;
  std::vector<boost::asio::ip::address> addresses_;
  int asked_ = 0;
};

struct SessionFixture {
  explicit SessionFixture(const std::string& peer_id = "msul1") {
    config.engine.peer_id = peer_id;
    config.engine.own_id = "msul2";
    config.engine.max_connections = 1;
    config.engine.pipeline_depth = 1;
    config.engine.pipeline_safe = {};
    config.name = "msul1.example";
    config.address = "127.0.0.1";
    config.port = lond.port();
    config.socket_path = directory / peer_id;
  }
  ~SessionFixture() {
    session.reset();
    run_ready(io);
  }

  void start() {
    session = std::make_unique<net::PeerSession>(io, config, services, 1, [this](std::exception_ptr failure) {
      ++failures;
      is_failure_told = failure != nullptr;
    });
    session->start();
  }
  // Runs the loop and lond until `condition` holds.
  template <typename Condition>
  bool until(Condition condition, std::chrono::milliseconds limit = 10s) {
    return run_until(
        io,
        [&] {
          if (auto fd = lond.accept()) connections.push_back(std::make_unique<ScriptedLond>(std::move(fd)));
          if (auto fd = elsewhere ? elsewhere->accept() : os::UniqueFd())
            moved.push_back(std::make_unique<ScriptedLond>(std::move(fd)));
          for (const auto& connection : connections) connection->poll();
          for (const auto& connection : moved) connection->poll();
          return condition();
        },
        limit);
  }
  std::optional<net::PeerReport> report() {
    std::optional<net::PeerReport> result;
    session->report([&](net::PeerReport report) { result = std::move(report); });
    until([&] { return result.has_value(); });
    return result;
  }
  bool until_state(core::PeerState state) {
    return until([&] {
      const auto now = report();
      return now && now->status.state == state;
    });
  }
  bool is_up() { return until_state(core::PeerState::up); }
  Wire client() {
    auto [fd, error] = connect_local(config.socket_path);
    if (error != 0) throw std::system_error(error, std::system_category());
    return Wire(std::move(fd));
  }
  Wire client_with(const std::string& text) {
    Wire wire = client();
    wire.send(text);
    return wire;
  }
  bool answers(Wire& wire, const std::string& text) {
    return until([&] { return wire.received() == text; });
  }
  ScriptedLond& peer() { return *connections.back(); }
  bool has_request(const std::string& line) {
    return until([&] { return !connections.empty() && !peer().requests.empty() && peer().requests.back() == line; });
  }

  TempDir directory;
  TcpListener lond;
  std::vector<std::unique_ptr<ScriptedLond>> connections;
  KeptLog log;
  std::optional<TcpListener> elsewhere;  // another address to which the peer's name may resolve
  std::vector<std::unique_ptr<ScriptedLond>> moved;  // connections to that address
  std::shared_ptr<OneName> name = std::make_shared<OneName>();
  net::Resolver resolver{4, [name = name](const std::string&) { return name->look_up(); }};
  net::ConnectGate gate{4};
  net::ClientLimit clients{200};  // half of them for one peer
  boost::asio::io_context io;
  net::SpoolerOptions spool_options{
      .directory = directory / "delayed", .permanent_log = directory / "lonnet.perm.log", .delayed = {}};
  net::Spooler spooler{io, spool_options, log};
  net::PeerServices services{log, resolver, gate, clients, spooler};
  net::PeerConfig config;
  int failures = 0;
  bool is_failure_told = false;
  std::unique_ptr<net::PeerSession> session;
};

}  // namespace lonc::test
