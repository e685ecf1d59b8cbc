#include "web_client.hpp"

#include "look_up.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <vector>

namespace lonc::ctl {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using Tcp = boost::asio::ip::tcp;
using Stream = beast::basic_stream<Tcp, net::Strand>;

constexpr std::uint64_t longest_body = std::uint64_t{1024} * 1024;

std::error_code plain(const boost::system::error_code& error) {
  if (error == beast::error::timeout) return std::make_error_code(std::errc::timed_out);
  return error;
}

}  // namespace

net::Task<WebAnswer> get_from_web(net::Resolver& resolver, const WebServer& server, std::string target,
                                  std::chrono::milliseconds timeout) {
  WebAnswer result;
  const auto found = co_await look_up(resolver, server.address.empty() ? server.name : server.address, timeout);
  result.error = found.error;
  if (result.error) co_return result;
  std::vector<Tcp::endpoint> endpoints;
  for (const auto& address : found.addresses) endpoints.emplace_back(address, server.port);

  Stream stream(co_await boost::asio::this_coro::executor);
  boost::system::error_code error;
  stream.expires_after(timeout);
  co_await stream.async_connect(endpoints, boost::asio::redirect_error(net::use_awaitable, error));
  result.error = plain(error);
  if (error) co_return result;

  http::request<http::empty_body> request(http::verb::get, target, 10);
  request.set(http::field::host, server.name);
  request.set(http::field::user_agent, "loncctl");
  stream.expires_after(timeout);
  co_await http::async_write(stream, request, boost::asio::redirect_error(net::use_awaitable, error));
  result.error = plain(error);
  if (error) co_return result;

  http::response_parser<http::string_body> parser;
  parser.body_limit(longest_body);
  beast::flat_buffer buffer;
  co_await http::async_read(stream, buffer, parser, boost::asio::redirect_error(net::use_awaitable, error));
  result.error = plain(error);
  if (error) co_return result;
  result.status = parser.get().result_int();
  result.date = std::string(parser.get()[http::field::date]);
  result.location = std::string(parser.get()[http::field::location]);
  result.body = std::move(parser.get().body());
  co_return result;
}

}  // namespace lonc::ctl
