// One stand-in for the lond of one host: a listener, the connections it accepted, and counters. Not a lond:
// it knows no users and no data, only the dialogue and commands that cause trouble on request.
#pragma once

#include "peers/black_hole.hpp"
#include "peers/fault.hpp"
#include "peers/journal.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace lonc::standin {

class Connection;

// Shared by all hosts of a process.
struct Environment {
  std::string client_id = "data1";  // the host id of the lonc that connects
  std::string callback_dir;         // socket directory of our own lonc; empty: pong is answered without a callback
  std::shared_ptr<Journal> journal;     // may be null
};

class Host {
 public:
  using Tcp = boost::asio::ip::tcp;

  struct Counters {
    std::uint64_t accepted = 0;  // connections
    std::uint64_t requests = 0;  // answered after the handshake
    std::uint64_t pongs = 0;     // requested
  };

  Host(boost::asio::io_context& io, std::string id, Tcp::endpoint endpoint, const Environment& environment);

  // Binds to the endpoint; port 0 is replaced by the one chosen by the system. Throws boost::system::system_error.
  void listen();
  // Listens, but accepts no connection once the black hole has been filled: SYNs are not answered.
  BlackHole* become_black_hole();
  // Closes the connections, not the listener.
  void drop();
  // Closes both: further connections are refused.
  void down();

  // Counts how often this request was received: true for the first `number` times.
  bool is_among_first(std::size_t number, std::string_view request);

  void set_fault(Fault fault) { fault_ = fault; }

  const std::string& id() const { return id_; }
  const Tcp::endpoint& endpoint() const { return endpoint_; }
  Fault fault() const { return fault_; }
  const Environment& environment() const { return environment_; }
  std::size_t connections() const { return connections_.size(); }
  const Counters& counters() const { return counters_; }
  Counters& counters() { return counters_; }

 private:
  boost::asio::awaitable<void> accept();
  boost::asio::awaitable<void> serve(std::shared_ptr<Connection> connection);

  boost::asio::io_context& io_;
  std::string id_;
  Tcp::endpoint endpoint_;
  const Environment& environment_;
  Tcp::acceptor acceptor_;
  std::unique_ptr<BlackHole> black_hole_;
  std::unordered_set<std::shared_ptr<Connection>> connections_;
  Counters counters_;
  std::unordered_map<std::string, std::size_t> asked_;
  Fault fault_ = Fault::none;
};

}  // namespace lonc::standin
