#include "clients.hpp"

#include <lonc/core/base/error.hpp>
#include <lonc/core/wire/handshake.hpp>
#include <lonc/os/files.hpp>
#include <lonc/os/socket_file.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <vector>

namespace lonc::ctl {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using Tcp = boost::asio::ip::tcp;
using Local = boost::asio::local::stream_protocol;
using ErrorCode = boost::system::error_code;
using TcpStream = beast::basic_stream<Tcp, net::Strand>;
using LocalStream = beast::basic_stream<Local, net::Strand>;
using Request = http::request<http::string_body>;

// Completion token of an operation: its error goes into `error`, and is not thrown.
auto into(ErrorCode& error) { return boost::asio::redirect_error(net::use_awaitable, error); }

// Maps error codes that are specific to Asio and Beast to standard ones: timed_out, and value_too_large for a line
// longer than allowed.
std::error_code portable(const ErrorCode& error) {
  if (error == beast::error::timeout) return std::make_error_code(std::errc::timed_out);
  if (error == boost::asio::error::not_found) return std::make_error_code(std::errc::value_too_large);
  return error;
}

net::Task<net::Resolver::Answer> look_up(net::Resolver& resolver, const net::Strand& strand, std::string name,
                                         std::chrono::milliseconds timeout) {
  ErrorCode error;
  const auto numeric = boost::asio::ip::make_address(name, error);
  if (!error) co_return net::Resolver::Answer{.error = {}, .addresses = {numeric}};
  // A handler that has already been posted still runs after the request has ended.
  struct State {
    explicit State(const net::Strand& strand) : timer(strand) {}
    net::Timer timer;
    net::Resolver::Answer answer{.error = core::Errc::name_not_found, .addresses = {}};
  };
  const auto state = std::make_shared<State>(strand);
  state->timer.expires_after(timeout);
  const auto request = resolver.lookup(std::move(name), strand, [state](net::Resolver::Answer answer) {
    state->answer = std::move(answer);
    state->timer.cancel();
  });
  co_await state->timer.async_wait(into(error));
  co_return std::move(state->answer);
}

// Tries all addresses of the server. `timeout` applies to each step: "name" and "connect". The error is name_not_found
// also if the name service does not answer in time.
net::Task<VisitResult> tcp_connect(TcpStream& stream, net::Resolver& resolver, std::string name_or_address,
                                   std::uint16_t port, std::chrono::milliseconds timeout) {
  const auto found = co_await look_up(resolver, stream.get_executor(), std::move(name_or_address), timeout);
  VisitResult result{.error = found.error, .step = "name"};
  if (result.error) co_return result;
  std::vector<Tcp::endpoint> endpoints;
  for (const auto& address : found.addresses) endpoints.emplace_back(address, port);
  ErrorCode error;
  stream.expires_after(timeout);
  co_await stream.async_connect(endpoints, into(error));
  result.step = "connect";
  result.error = error;
  if (error == beast::error::timeout) result.error = core::Errc::connect_timeout;
  co_return result;
}

// `path` is that of a UNIX socket. Returns timed_out if the listener does not accept connections.
// Does not use Asio's connect: it takes EAGAIN, which means that the listener's queue is full, for a connection in
// progress, and then reports a connection that does not exist.
net::Task<std::error_code> local_connect(LocalStream& stream, const std::string& path,
                                         std::chrono::milliseconds timeout) {
  constexpr std::chrono::milliseconds between_attempts{20};
  const auto address = os::unix_address(path);
  if (!address) co_return std::make_error_code(std::errc::filename_too_long);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  ErrorCode error;
  auto& socket = stream.socket();
  if (socket.open(Local(), error) || socket.native_non_blocking(true, error)) co_return error;
  net::Timer timer(stream.get_executor());
  while (::connect(socket.native_handle(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    if (errno != EAGAIN && errno != EINTR) co_return os::last_error();
    if (std::chrono::steady_clock::now() >= deadline) co_return std::make_error_code(std::errc::timed_out);
    timer.expires_after(between_attempts);
    co_await timer.async_wait(into(error));
  }
  co_return std::error_code{};
}

constexpr std::chrono::seconds silence_with_work{75};
constexpr std::uint64_t megabyte = std::uint64_t{1024} * 1024;

enum class TimeoutFor { whole_answer, each_read };

template <typename Stream>
net::Task<void> exchange(Stream& stream, Request request, std::uint64_t longest_body, std::chrono::milliseconds timeout,
                         TimeoutFor what, HttpAnswer& answer) {
  request.set(http::field::user_agent, "loncctl");
  ErrorCode error;
  stream.expires_after(timeout);
  co_await http::async_write(stream, request, into(error));
  // A server may refuse a request without reading it. Then the answer matters, not the write error.
  answer.error = portable(error);
  if (answer.error == std::errc::timed_out) co_return;
  http::response_parser<http::string_body> parser;
  parser.body_limit(longest_body);
  beast::flat_buffer buffer;
  stream.expires_after(timeout);
  do {
    if (what == TimeoutFor::each_read) stream.expires_after(timeout);
    co_await http::async_read_some(stream, buffer, parser, into(error));
    answer.error = portable(error);
    if (error) co_return;
  } while (!parser.is_done());
  answer.status = parser.get().result_int();
  answer.date = std::string(parser.get()[http::field::date]);
  answer.location = std::string(parser.get()[http::field::location]);
  answer.body = std::move(parser.get().body());
}

net::Task<HttpAnswer> ask_http(std::string path, Request request, std::chrono::milliseconds silence) {
  HttpAnswer answer;
  LocalStream stream(co_await boost::asio::this_coro::executor);
  answer.error = co_await local_connect(stream, path, silence);
  answer.is_connected = !answer.error;
  if (!answer.error)
    co_await exchange(stream, std::move(request), 64 * megabyte, silence, TimeoutFor::each_read, answer);
  co_return answer;
}

HttpAnswer call_http(const std::string& path, Request request, const CallTimeouts& timeouts) {
  request.set(http::field::host, "localhost");
  HttpAnswer canceled;
  canceled.error = std::make_error_code(std::errc::operation_canceled);
  return run_to_end(ask_http(path, std::move(request), timeouts.silence), timeouts.wants_end, std::move(canceled));
}

// Sends `line` and stores the line received in it. `in` keeps the bytes that follow that line.
template <typename Stream>
net::Task<std::error_code> exchange(Stream& stream, std::string& line, std::string& in, std::size_t limit) {
  ErrorCode error;
  line += '\n';
  co_await boost::asio::async_write(stream, boost::asio::buffer(line), into(error));
  if (error == beast::error::timeout) co_return portable(error);
  // A client that is refused may get an answer even if its write failed.
  const std::size_t size =
      co_await boost::asio::async_read_until(stream, boost::asio::dynamic_buffer(in, limit + 1), '\n', into(error));
  if (error) co_return portable(error);
  line = in.substr(0, size - 1);
  in.erase(0, size);
  co_return std::error_code{};
}

net::Task<LineAnswer> ask_line(std::string path, std::string line, std::size_t limit,
                               std::chrono::milliseconds timeout) {
  LineAnswer answer;
  LocalStream stream(co_await boost::asio::this_coro::executor);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  answer.error = co_await local_connect(stream, path, timeout);
  answer.is_connected = !answer.error;
  if (answer.error) co_return answer;
  stream.expires_at(deadline);
  std::string in;
  answer.error = co_await exchange(stream, line, in, limit);
  if (!answer.error) answer.line = std::move(line);
  co_return answer;
}

std::error_code handshake_error(const std::error_code& error) {
  if (error == std::errc::timed_out) return core::Errc::handshake_silent;
  if (error == std::errc::value_too_large) return core::Errc::handshake_too_long;
  return core::Errc::handshake_closed;
}

}  // namespace

HttpAnswer get_from_socket(const std::string& path, const std::string& target, const CallTimeouts& timeouts) {
  return call_http(path, Request(http::verb::get, target, 11), timeouts);
}

HttpAnswer post_to_socket(const std::string& path, const std::string& target, const std::string& body) {
  Request request(http::verb::post, target, 11, body);
  request.set(http::field::content_type, "application/json");
  request.prepare_payload();
  return call_http(path, std::move(request), {.silence = silence_with_work, .wants_end = {}});
}

net::Task<HttpAnswer> get_from_web(net::Resolver& resolver, WebServer server, std::string target,
                                   std::chrono::milliseconds timeout) {
  HttpAnswer answer;
  TcpStream stream(co_await boost::asio::this_coro::executor);
  const VisitResult connected = co_await tcp_connect(
      stream, resolver, server.address.empty() ? server.name : server.address, server.port, timeout);
  answer.error = connected.error;
  if (answer.error) co_return answer;
  answer.is_connected = true;
  Request request(http::verb::get, target, 10);
  request.set(http::field::host, server.name);
  co_await exchange(stream, std::move(request), megabyte, timeout, TimeoutFor::whole_answer, answer);
  co_return answer;
}

LineAnswer call_socket(const std::string& path, std::string line, std::size_t longest_answer,
                       std::chrono::milliseconds timeout) {
  return run_to_end(ask_line(path, std::move(line), longest_answer, timeout));
}

net::Task<VisitResult> visit_lond(net::Resolver& resolver, const core::Host& host, std::uint16_t port,
                                  const std::string& own_id, std::chrono::milliseconds timeout) {
  TcpStream stream(co_await boost::asio::this_coro::executor);
  VisitResult result =
      co_await tcp_connect(stream, resolver, host.address.empty() ? host.name : host.address, port, timeout);
  if (result.error) co_return result;
  core::Handshake handshake(host.id, own_id, false);
  std::string line(handshake.start());
  std::string in;
  while (!result.error && handshake.step() != core::Handshake::Step::done) {
    stream.expires_after(timeout);
    const std::error_code error = co_await exchange(stream, line, in, core::Handshake::line_limit);
    const std::string received = std::exchange(line, {});
    result.error = error ? handshake_error(error) : handshake.on_line(received, line);
  }
  result.step = core::to_string(handshake.step());
  if (result.error) co_return result;
  stream.expires_after(timeout);
  ErrorCode ignored;
  co_await boost::asio::async_write(stream, boost::asio::buffer(std::string_view("exit\n")), into(ignored));
  co_return result;
}

}  // namespace lonc::ctl
