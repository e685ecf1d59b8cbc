// A long text about all peers, made once for all who ask for it at the same time, and kept from filling the memory
// when many are slow to read it.
#pragma once

#include <lonc/app/status_board.hpp>
#include <lonc/net/executor.hpp>

#include <boost/asio/thread_pool.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace lonc::app {

class SharedText {
 public:
  using Text = std::shared_ptr<const std::string>;  // null if it could not be made
  using Render = std::function<std::string(const Snapshot&)>;
  using Done = std::function<void(Text)>;

  // Bytes that are being read by somebody, all texts together. With more than that, a new reader gets the latest text
  // again, old as it may be.
  static constexpr std::size_t most_bytes = std::size_t{64} * 1024 * 1024;

  // `make` is called on the thread of `pool`. All of it outlives what is begun here.
  SharedText(const net::Strand& strand, StatusBoard& board, boost::asio::thread_pool& pool, Render make,
             std::size_t limit = most_bytes);

  // Any thread; `done` comes on the strand. What the text says was gathered after this call, but for the above.
  void get(Done done);

 private:
  void begin();
  void made(Text text);
  std::size_t bytes_in_use();

  net::Strand strand_;
  StatusBoard& board_;
  boost::asio::thread_pool& pool_;
  const Render make_;
  const std::size_t limit_;
  std::vector<Done> waiting_;
  std::vector<Done> served_;  // by the text that is being made
  std::vector<std::weak_ptr<const std::string>> texts_;
  bool is_making_ = false;
};

}  // namespace lonc::app
