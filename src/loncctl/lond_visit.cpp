#include "lond_visit.hpp"

#include "look_up.hpp"

#include <lonc/core/error.hpp>
#include <lonc/core/handshake.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/error.hpp>

#include <utility>
#include <vector>

namespace lonc::ctl {

namespace {

namespace beast = boost::beast;
using Tcp = boost::asio::ip::tcp;
using Stream = beast::basic_stream<Tcp, net::Strand>;
using ErrorCode = boost::system::error_code;

std::error_code connect_error(const ErrorCode& error) {
  if (error == beast::error::timeout) return core::Errc::connect_timeout;
  return error;
}

std::error_code step_error(const ErrorCode& error) {
  if (error == beast::error::timeout) return core::Errc::handshake_silent;
  if (error == boost::asio::error::not_found) return core::Errc::handshake_too_long;
  if (error) return core::Errc::handshake_closed;
  return {};
}

// The dialogue up to its end or the first error.
net::Task<std::error_code> shake_hands(Stream& stream, core::Handshake& handshake, std::chrono::milliseconds timeout) {
  std::string out(handshake.start());
  std::string in;
  while (handshake.step() != core::Handshake::Step::done) {
    ErrorCode error;
    out += '\n';
    stream.expires_after(timeout);
    co_await boost::asio::async_write(stream, boost::asio::buffer(out),
                                      boost::asio::redirect_error(net::use_awaitable, error));
    if (error) co_return step_error(error);
    const std::size_t size =
        co_await boost::asio::async_read_until(stream, boost::asio::dynamic_buffer(in, core::Handshake::line_limit + 1),
                                               '\n', boost::asio::redirect_error(net::use_awaitable, error));
    if (error) co_return step_error(error);
    const std::string line = in.substr(0, size - 1);
    in.erase(0, size);
    if (const std::error_code fault = handshake.on_line(line, out)) co_return fault;
  }
  co_return std::error_code{};
}

}  // namespace

net::Task<VisitResult> visit_lond(net::Resolver& resolver, const LondPlace& place, std::chrono::milliseconds timeout) {
  const auto found = co_await look_up(resolver, place.name_or_address, timeout);
  VisitResult result{.error = found.error, .step = "name"};
  if (result.error) co_return result;
  std::vector<Tcp::endpoint> endpoints;
  for (const auto& address : found.addresses) endpoints.emplace_back(address, place.port);

  Stream stream(co_await boost::asio::this_coro::executor);
  ErrorCode error;
  stream.expires_after(timeout);
  co_await stream.async_connect(endpoints, boost::asio::redirect_error(net::use_awaitable, error));
  result = {.error = connect_error(error), .step = "connect"};
  if (error) co_return result;
  core::Handshake handshake(place.peer_id, place.own_id, false);
  const std::error_code fault = co_await shake_hands(stream, handshake, timeout);
  result = {.error = fault, .step = std::string(core::to_string(handshake.step()))};
  if (fault) co_return result;
  stream.expires_after(timeout);
  const std::string farewell = "exit\n";
  co_await boost::asio::async_write(stream, boost::asio::buffer(farewell),
                                    boost::asio::redirect_error(net::use_awaitable, error));
  co_return result;
}

}  // namespace lonc::ctl
