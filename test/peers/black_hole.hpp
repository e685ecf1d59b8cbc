// A listener that accepts nothing: its accept queue is full, so the kernel drops every further SYN, as a firewall
// would. Not a closed port, which refuses at once.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <vector>

namespace lonc::standin {

class BlackHole {
 public:
  // Listens. fill() makes it a black hole.
  explicit BlackHole(boost::asio::ip::tcp::endpoint endpoint);
  ~BlackHole();
  BlackHole(const BlackHole&) = delete;
  BlackHole& operator=(const BlackHole&) = delete;

  const boost::asio::ip::tcp::endpoint& endpoint() const { return endpoint_; }

  // Connects to each until a connect is not answered. Blocks for some tenths of a second, however many there
  // are. Throws if an accept queue does not fill up.
  static void fill(std::vector<BlackHole*> holes);

 private:
  void start_connect();
  bool is_connected() const;  // whether the last connect has succeeded by now

  boost::asio::ip::tcp::endpoint endpoint_;
  std::vector<int> sockets_;  // the listener, then those that fill its queue
};

}  // namespace lonc::standin
