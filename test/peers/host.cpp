#include "peers/host.hpp"

#include "peers/connection.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <utility>
#include <vector>

namespace asio = boost::asio;

namespace lonc::standin {

namespace {

// An exception out of a coroutine is a bug: it ends the process.
void rethrow(std::exception_ptr error) {
  if (error) std::rethrow_exception(error);
}

}  // namespace

Host::Host(asio::io_context& io, std::string id, Tcp::endpoint endpoint, const Environment& environment)
    : io_(io), id_(std::move(id)), endpoint_(std::move(endpoint)), environment_(environment), acceptor_(io) {}

void Host::listen() {
  if (acceptor_.is_open()) return;
  black_hole_.reset();
  acceptor_.open(endpoint_.protocol());
  acceptor_.set_option(Tcp::acceptor::reuse_address(true));
  acceptor_.bind(endpoint_);
  acceptor_.listen();
  endpoint_ = acceptor_.local_endpoint();
  asio::co_spawn(io_, accept(), rethrow);
}

BlackHole* Host::become_black_hole() {
  down();
  black_hole_ = std::make_unique<BlackHole>(endpoint_);
  endpoint_ = black_hole_->endpoint();
  return black_hole_.get();
}

void Host::drop() {
  const std::vector<std::shared_ptr<Connection>> open(connections_.begin(), connections_.end());
  for (const auto& connection : open) connection->close();
}

void Host::down() {
  black_hole_.reset();
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  drop();
}

bool Host::is_among_first(std::size_t number, std::string_view request) {
  return ++asked_[std::string(request)] <= number;
}

asio::awaitable<void> Host::accept() {
  while (true) {
    auto [error, socket] = co_await acceptor_.async_accept(asio::as_tuple(asio::use_awaitable));
    if (!acceptor_.is_open()) co_return;
    if (error) continue;
    ++counters_.accepted;
    auto connection = std::make_shared<Connection>(std::move(socket), *this);
    connections_.insert(connection);
    asio::co_spawn(io_, serve(std::move(connection)), rethrow);
  }
}

asio::awaitable<void> Host::serve(std::shared_ptr<Connection> connection) {
  co_await connection->serve();
  connection->close();
  connections_.erase(connection);
}

}  // namespace lonc::standin
