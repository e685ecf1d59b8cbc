#include "net/peer/lond_connection.hpp"

#include <lonc/core/base/error.hpp>
#include <lonc/core/wire/handshake.hpp>
#include <lonc/os/files.hpp>
#include <lonc/os/unique_fd.hpp>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <limits>
#include <utility>
#include <vector>

namespace lonc::net {

namespace {

// An attempt that takes longer is waiting for the network or the peer, and causes no work. If it held its place until
// then, a thousand dead peers would keep the live ones waiting for half a minute.
constexpr std::chrono::milliseconds longest_place{250};
constexpr unsigned lines_per_turn = 64;  // then others on the loop get a turn
// Otherwise a hundred peers that trickle their handshakes byte by byte would keep the loop busy with little else.
constexpr std::chrono::milliseconds pause_within_line{100};

// The errors by which keep-alive and TCP_USER_TIMEOUT end a connection whose path is gone: the timeout, or the last
// error that a router reported.
std::error_code end_of_path(const std::error_code& error) {
  if (error == std::errc::timed_out || error == std::errc::host_unreachable || error == std::errc::network_unreachable)
    return core::Errc::path_silent;
  return error;
}

// The reader detects this itself, after reading what lond may have sent before it closed.
bool is_closed_by_peer(const std::error_code& error) {
  return error == std::errc::broken_pipe || error == std::errc::connection_reset;
}

void set_option(int fd, int level, int name, int value) { ::setsockopt(fd, level, name, &value, sizeof value); }

template <typename Unit>
int whole(core::Duration duration) {
  const auto count = std::chrono::ceil<Unit>(duration).count();
  return static_cast<int>(std::clamp<decltype(count)>(count, 1, std::numeric_limits<int>::max()));
}

// On one machine, TCP may connect a socket to itself when its own port happens to be the requested one.
bool is_connected_to_itself(int fd) {
  boost::asio::ip::tcp::endpoint own;
  boost::asio::ip::tcp::endpoint other;
  auto own_size = static_cast<socklen_t>(own.capacity());
  auto other_size = static_cast<socklen_t>(other.capacity());
  if (::getsockname(fd, own.data(), &own_size) != 0 || ::getpeername(fd, other.data(), &other_size) != 0) return false;
  own.resize(own_size);
  other.resize(other_size);
  return own == other;
}

// Without an error, the socket is connected or becomes writable once the outcome is known.
os::UniqueFd begin_connect(const boost::asio::ip::tcp::endpoint& endpoint, std::error_code& error) {
  os::UniqueFd fd(::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!fd) {
    error = os::last_error();
    return fd;
  }
  const int result = ::connect(fd.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size()));
  error = result == 0 || errno == EINPROGRESS || errno == EINTR ? std::error_code() : os::last_error();
  return fd;
}

// The outcome of the connect, once the socket is writable.
std::error_code connect_result(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return os::last_error();
  if (error == 0 && is_connected_to_itself(fd)) error = ECONNREFUSED;
  return {error, std::system_category()};
}

// Sends small requests without delay, and detects a silent path.
void set_connection_options(int fd, const KeepAlive& keep_alive) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, whole<std::chrono::seconds>(keep_alive.idle));
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, whole<std::chrono::seconds>(keep_alive.interval));
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, static_cast<int>(keep_alive.count));
  // 0 means the system's own rule, which is also the system's default.
  if (keep_alive.user_timeout > core::Duration::zero())
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, whole<std::chrono::milliseconds>(keep_alive.user_timeout));
}

}  // namespace

LondConnection::LondConnection(Strand strand, core::ConnectionId id, std::shared_ptr<PeerAddress> address,
                               ConnectGate& gate, ClientLimit::Memory memory, const Options& options, Handler& handler)
    : strand_(std::move(strand)),
      id_(id),
      address_(std::move(address)),
      gate_(gate),
      options_(options),
      handler_(&handler),
      memory_(std::move(memory)),
      wake_(strand_) {}

Task<void> LondConnection::run() {
  using boost::asio::experimental::awaitable_operators::operator&&;
  const auto self = shared_from_this();
  // The code that started this must have returned before the first event.
  co_await boost::asio::post(strand_, use_awaitable);
  co_await wait_for_turn();
  if (is_closed()) co_return;
  const std::error_code error = co_await connect();
  if (is_closed()) co_return;
  if (error) {
    ended(error);
    co_return;
  }
  set_connection_options(socket_->fd(), options_.keep_alive);
  handler_->connection_up(id_);
  co_await (guard(read_lines()) && guard(write_rest()));
  if (failure_) std::rethrow_exception(failure_);
}

Task<void> LondConnection::wait_for_turn() {
  if (is_closed()) co_return;
  ticket_ = gate_.request(strand_, options_.attempt, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->wake_.notify();
  });
  while (!is_closed() && !ticket_->is_granted()) co_await wake_.wait();
  if (is_closed()) co_return;
  place_timer_ = std::make_unique<Timer>(strand_, longest_place);
  place_timer_->async_wait(if_alive(weak_from_this(), [](LondConnection& self) { self.give_place_back(); }));
}

Task<std::error_code> LondConnection::connect() {
  const auto priority =
      options_.attempt == core::AttemptClass::favoured ? Resolver::Priority::high : Resolver::Priority::low;
  const PeerAddress::Query query(address_, priority, options_.resolve_timeout, wake_);
  while (!is_closed() && !query.is_done()) co_await wake_.wait();
  if (is_closed()) co_return std::error_code();
  const std::vector<PeerAddress::Endpoint> endpoints = query.endpoints();
  if (endpoints.empty()) co_return core::Errc::name_not_found;
  handler_->connection_started(id_);
  const auto end = std::chrono::steady_clock::now() + options_.connect_timeout;
  std::error_code error;
  for (std::size_t left = endpoints.size(); left != 0 && !is_closed(); --left) {
    endpoint_ = endpoints[endpoints.size() - left];
    handler_->connection_trying(*endpoint_);
    // A silent address must leave time for the others.
    std::optional<core::Duration> limit;
    if (left > 1) limit = (end - std::chrono::steady_clock::now()) / static_cast<int>(left);
    error = co_await connect_to(*endpoint_, limit);
    if (!error) break;
    address_->failed(endpoint_->address());
  }
  co_return error;
}

Task<std::error_code> LondConnection::connect_to(const PeerAddress::Endpoint& endpoint,
                                                 std::optional<core::Duration> limit) {
  std::error_code error;
  os::UniqueFd fd = begin_connect(endpoint, error);
  if (error) co_return error;
  socket_ = std::make_unique<LineSocket>(strand_, std::move(fd), core::Handshake::line_limit);
  std::shared_ptr<Timer> timer;
  if (limit) {
    timer = std::make_shared<Timer>(strand_, *limit);
    timer->async_wait(if_alive(std::weak_ptr(timer), [socket = socket_.get()](Timer&) { socket->close(); }));
  }
  error = co_await socket_->wait_writable();
  if (!socket_->is_open()) co_return core::Errc::connect_timeout;
  if (!error) error = connect_result(socket_->fd());
  if (error) socket_->close();
  co_return error;
}

// If one of the two loops threw and the other continued, the exception would go unnoticed.
Task<void> LondConnection::guard(Task<void> loop) {
  try {
    co_await std::move(loop);
  } catch (...) {
    if (!failure_) failure_ = std::current_exception();
    close();
  }
}

Task<void> LondConnection::read_lines() {
  unsigned lines = 0;
  while (!is_closed()) {
    const LineSocket::ReadResult read =
        socket_->is_drained() ? LineSocket::ReadResult{LineSocket::Read::would_block} : socket_->try_read_line();
    switch (read.kind) {
      case LineSocket::Read::line:
        has_news_ = true;
        handler_->line_received(id_, read.text);
        if (++lines % lines_per_turn == 0) co_await boost::asio::post(strand_, use_awaitable);
        break;
      case LineSocket::Read::would_block:
      case LineSocket::Read::more: {
        lines = 0;
        tell_received();
        if (is_closed()) break;
        const std::error_code error = co_await wait_readable();
        if (error) ended(error);
        break;
      }
      case LineSocket::Read::too_long:
        ended(core::Errc::reply_too_long);
        break;
      case LineSocket::Read::end:
        tell_received();
        ended(core::Errc::connection_closed);
        break;
      case LineSocket::Read::failed:
        tell_received();
        ended(end_of_path(read.error));
        break;
    }
  }
}

// During the handshake, lond sends short lines, each in one piece.
Task<std::error_code> LondConnection::wait_readable() {
  if (!is_proven_ && socket_->has_bytes()) {
    pause_ = std::make_unique<Timer>(strand_, pause_within_line);
    boost::system::error_code ignored;  // cancelled: the connection is closed
    co_await pause_->async_wait(boost::asio::redirect_error(use_awaitable, ignored));
    pause_.reset();
    if (is_closed()) co_return std::error_code();
  }
  co_return co_await socket_->wait_readable();
}

void LondConnection::tell_received() {
  if (is_closed() || !(std::exchange(has_news_, false) || socket_->has_bytes())) return;
  const std::size_t kept = handler_->received_all(id_, socket_->has_bytes());
  if (is_closed()) return;
  socket_->release_idle_buffers();
  if (!memory_.hold(kept + socket_->memory())) ended(core::Errc::no_memory_for_reply);
}

// Only what the socket did not accept at once is written here.
Task<void> LondConnection::write_rest() {
  while (!is_closed()) {
    std::error_code error = write_error_;
    if (!error) error = socket_->flush();
    if (!error && socket_->has_unsent()) {
      error = co_await socket_->wait_writable();
    } else if (!error && !wake_.take()) {
      co_await wake_.wait();
    }
    if (is_closed_by_peer(error)) co_return;
    if (error) ended(end_of_path(error));
  }
}

void LondConnection::ended(std::error_code error) {
  if (is_closed()) return;
  Handler& handler = *handler_;
  close();
  handler.connection_closed(id_, error);
}

void LondConnection::write_lines(std::string_view lines) {
  if (is_closed() || !socket_ || write_error_) return;
  write_error_ = socket_->send_line(lines);
  if (write_error_ || socket_->has_unsent()) wake_.notify();
}

void LondConnection::set_line_limit(std::size_t bytes) {
  give_place_back();
  is_proven_ = true;
  if (endpoint_) address_->worked(endpoint_->address());
  if (socket_) socket_->set_line_limit(bytes);
}

std::error_code LondConnection::check_quiet() const {
  return socket_ ? end_of_path(socket_->check_quiet()) : core::Errc::connection_closed;
}

void LondConnection::close() {
  handler_ = nullptr;
  give_place_back();
  if (endpoint_ && !is_proven_) address_->failed(endpoint_->address());
  if (socket_) socket_->close();
  memory_.hold(0);
  if (pause_) pause_->cancel();
  wake_.notify();
}

}  // namespace lonc::net
