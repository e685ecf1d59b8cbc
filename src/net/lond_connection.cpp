#include <lonc/net/lond_connection.hpp>

#include <lonc/core/error.hpp>
#include <lonc/net/tcp_socket.hpp>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include <cerrno>
#include <chrono>
#include <utility>
#include <vector>

namespace lonc::net {

namespace {

// One that takes longer waits for the network or for the peer, and is no work: with its place held until then, a
// thousand dead peers would keep the living ones waiting for half a minute.
constexpr std::chrono::milliseconds longest_place{250};
constexpr unsigned lines_per_turn = 64;  // then others on the loop have their turn
// A hundred peers that dribble their handshakes byte for byte would have the loop do little else.
constexpr std::chrono::milliseconds pause_within_line{100};

// What keep-alive and TCP_USER_TIMEOUT make of a connection whose path is gone: the time-out, or the last thing that a
// router said about it.
std::error_code end_of_path(const std::error_code& error) {
  if (error == std::errc::timed_out || error == std::errc::host_unreachable || error == std::errc::network_unreachable)
    return core::Errc::path_silent;
  return error;
}

// The reader finds out by itself, after what lond may have said before it closed.
bool is_closed_by_peer(const std::error_code& error) {
  return error == std::errc::broken_pipe || error == std::errc::connection_reset;
}

}  // namespace

// May end with the loop, before the connection does.
class LondConnection::Pause {
 public:
  Pause(Timer*& place, const Strand& strand) : place_(place), timer_(strand, pause_within_line) { place_ = &timer_; }
  ~Pause() { place_ = nullptr; }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;

  auto wait() { return timer_.async_wait(boost::asio::redirect_error(use_awaitable, ignored_)); }

 private:
  Timer*& place_;
  Timer timer_;
  boost::system::error_code ignored_;  // cancelled: the connection is closed
};

LondConnection::LondConnection(Strand strand, core::ConnectionId id, std::shared_ptr<PeerAddress> address,
                               ConnectGate& gate, const Options& options, Handler& handler)
    : strand_(std::move(strand)),
      id_(id),
      address_(std::move(address)),
      gate_(gate),
      options_(options),
      handler_(&handler),
      wake_(strand_) {}

Task<void> LondConnection::run() {
  using boost::asio::experimental::awaitable_operators::operator&&;
  const auto self = shared_from_this();
  // Whoever began this must have returned before the first event.
  co_await boost::asio::post(strand_, use_awaitable);
  co_await wait_for_turn();
  if (is_closed()) co_return;
  const std::error_code error = co_await connect();
  if (is_closed()) co_return;
  if (error) {
    Handler& handler = *handler_;
    close();
    handler.connection_failed(id_, error);
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
  while (!is_closed() && !ticket_.is_granted()) co_await wake_.wait();
  if (is_closed()) co_return;
  place_timer_ = std::make_unique<Timer>(strand_, longest_place);
  place_timer_->async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self) self->give_place_back();
  });
}

void LondConnection::give_place_back() {
  ticket_.release();
  place_timer_.reset();
}

Task<std::error_code> LondConnection::connect() {
  const PeerAddress::Query query(address_, options_.resolve_timeout, wake_);
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
    // An address that is silent must leave time for the others.
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
  UniqueFd fd = begin_connect(endpoint, error);
  if (error) co_return error;
  socket_ = std::make_unique<LineSocket>(strand_, std::move(fd), options_.line_limit);
  std::shared_ptr<Timer> timer;
  if (limit) {
    timer = std::make_shared<Timer>(strand_, *limit);
    timer->async_wait([socket = socket_.get(), alive = std::weak_ptr<Timer>(timer)](const auto& failure) {
      if (!failure && !alive.expired()) socket->close();
    });
  }
  error = co_await socket_->wait_writable();
  if (!socket_->is_open()) co_return core::Errc::connect_timeout;
  if (!error) error = connect_result(socket_->fd());
  if (error) socket_->close();
  co_return error;
}

// If one of the two loops threw and the other went on, its end would never be seen.
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
        give_line(read.text);
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

// In the handshake lond sends short lines, each in one piece.
Task<std::error_code> LondConnection::wait_readable() {
  if (!is_proven_ && socket_->has_bytes()) {
    Pause pause(pause_, strand_);
    co_await pause.wait();
    if (is_closed()) co_return std::error_code();
  }
  co_return co_await socket_->wait_readable();
}

void LondConnection::give_line(std::string_view line) {
  has_news_ = true;
  handler_->line_received(id_, line);
}

void LondConnection::tell_received() {
  if (is_closed() || !(std::exchange(has_news_, false) || socket_->has_bytes())) return;
  handler_->received_all(id_, socket_->has_bytes());
}

// Only what the socket did not take at once is written here.
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
  if (pause_ != nullptr) pause_->cancel();
  wake_.notify();
}

}  // namespace lonc::net
