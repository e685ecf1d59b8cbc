#include "peers/call_back.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <chrono>
#include <memory>
#include <string_view>

namespace asio = boost::asio;

namespace lonc::standin {

namespace {

using Local = asio::local::stream_protocol;
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds patience{10};

asio::awaitable<std::string> ask(std::shared_ptr<Local::socket> socket, std::string path) {
  if (auto [error] = co_await socket->async_connect(Local::endpoint(path), as_result); error) co_return "";
  const std::string_view request = "ping\n";
  if (auto [error, size] = co_await asio::async_write(*socket, asio::buffer(request), as_result); error) co_return "";
  std::string reply;
  auto [error, size] = co_await asio::async_read_until(*socket, asio::dynamic_buffer(reply), '\n', as_result);
  co_return error ? "" : reply.substr(0, size - 1);
}

}  // namespace

asio::awaitable<std::string> ask_own_lonc(std::string socket_path) {
  const auto executor = co_await asio::this_coro::executor;
  auto socket = std::make_shared<Local::socket>(executor);
  asio::steady_timer timer(executor, patience);
  timer.async_wait([socket](boost::system::error_code error) {
    boost::system::error_code ignored;
    if (!error) socket->close(ignored);
  });
  const std::string reply = co_await ask(socket, std::move(socket_path));
  co_return reply.empty() ? "con_lost" : reply;
}

}  // namespace lonc::standin
