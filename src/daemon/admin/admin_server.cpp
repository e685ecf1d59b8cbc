#include "daemon/admin/admin_server.hpp"

#include <lonc/core/base/text.hpp>
#include <lonc/node/config/admin_access.hpp>
#include <lonc/os/accounts.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/write.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <exception>

namespace lonc::daemon {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr unsigned own_mode = 0600;
constexpr unsigned group_mode = 0660;
constexpr int backlog = 64;
constexpr int accept_batch = 16;                     // then other work on the loop gets its turn
constexpr std::chrono::milliseconds pause_time{100};  // while no descriptor is available
constexpr std::chrono::minutes report_interval{10};
constexpr std::size_t most_dropped = 1024 * 1024;  // bytes
constexpr std::size_t dropped_at_once = 16 * 1024;

AdminReply shutting_down() { return admin_error(503, "lonc is shutting down; the request may have been carried out"); }

// Stores the error, if any, in `error`.
auto into(beast::error_code& error) { return boost::asio::redirect_error(net::use_awaitable, error); }

}  // namespace

AdminListener::AdminListener(const std::string& path, const std::string& group)
    : family_(AF_UNIX),
      file_(std::make_unique<os::SocketFile>(path, group.empty() ? own_mode : group_mode, group)),
      group_(os::group_id(group)) {}

AdminListener::AdminListener(const boost::asio::ip::tcp::endpoint& endpoint)
    : family_(endpoint.protocol().family()),
      tcp_(::socket(family_, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP)) {
  const int on = 1;
  if (!tcp_ || ::setsockopt(tcp_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(tcp_.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 ||
      ::listen(tcp_.get(), backlog) != 0)
    throw std::system_error(errno, std::system_category(), "listen");
}

AdminAccess AdminListener::access_of(int connection) const {
  if (!file_) return AdminAccess::read;
  const auto user = node::user_of_peer(connection);
  if (user && node::may_administer(*user, ::geteuid())) return AdminAccess::all;
  return group_ && node::is_peer_in_group(connection, *group_) ? AdminAccess::read : AdminAccess::none;
}

void AdminListener::close() { file_ ? file_->remove() : static_cast<void>(::shutdown(tcp_.get(), SHUT_RDWR)); }

AdminConnection::AdminConnection(const net::Strand& strand, os::UniqueFd fd, const AdminListener& listener,
                                 AdminAccess access, const AdminOptions& options, const AdminHandler& handler)
    : strand_(strand),
      family_(listener.family()),
      access_(access),
      stream_(strand),
      options_(options),
      handler_(handler),
      buffer_(options.header_limit + options.body_limit) {
  stream_.socket().assign(boost::asio::generic::stream_protocol(family_, 0), fd.get());
  fd.release();
  parser_.header_limit(static_cast<std::uint32_t>(options.header_limit));
  parser_.body_limit(options.body_limit);
}

net::Task<void> AdminConnection::serve() {
  beast::error_code error;
  stream_.expires_after(options_.read_timeout);
  co_await http::async_read(stream_, buffer_, parser_, into(error));
  if (is_closing_ && !parser_.is_done()) co_return;
  std::optional<AdminReply> reply = is_closing_ ? shutting_down() : refusal(error);
  if (!reply && error) co_return;  // the client has gone or is too slow
  if (!reply) reply = co_await work();
  co_await answer(std::move(*reply), true);
}

void AdminConnection::close() {
  is_closing_ = true;
  if (step_ == Step::working) return answered(shutting_down());
  if (step_ != Step::reading || !parser_.is_done()) stream_.close();
}

std::optional<AdminReply> AdminConnection::refusal(beast::error_code error) const {
  if (error == http::error::body_limit) return admin_error(413, "the body is too long");
  if (error == http::error::header_limit) return admin_error(431, "the header is too long");
  const bool has_gone = error == http::error::end_of_stream || error == http::error::partial_message;
  if (!has_gone && error.category() == http::make_error_code(http::error::bad_method).category())
    return admin_error(400, "this is not HTTP: " + error.message());
  if (error) return std::nullopt;

  const auto& message = parser_.get();
  const bool is_tcp = family_ != AF_UNIX;
  if (message.count(http::field::host) > 1) return admin_error(400, "the request has two Host headers");
  // The end of the body would be a guess, and so would the request.
  if (message.count(http::field::transfer_encoding) != 0 && !parser_.chunked())
    return admin_error(501, "the Transfer-Encoding is unknown here: use chunked or a Content-Length");
  if (is_tcp && !node::is_loopback_host(message[http::field::host]))
    return admin_error(403, "the Host of the request is not this machine: use localhost or its address");
  const bool is_reading = message.method() == http::verb::get || message.method() == http::verb::head;
  if (is_reading || access_ == AdminAccess::all) return std::nullopt;
  if (is_tcp) return admin_error(405, "this address is read-only (GET): use the admin socket");
  return admin_error(403, "members of admin-group may only read (GET)");
}

net::Task<AdminReply> AdminConnection::work() {
  step_ = Step::working;
  stream_.expires_never();
  work_timer_.expires_after(options_.work_timeout);
  auto& message = parser_.get();
  const bool is_head = message.method() == http::verb::head;
  AdminRequest request{.method = is_head ? "GET" : std::string(message.method_string()),
                       .target = std::string(message.target()),
                       .body = std::move(message.body())};
  try {
    handler_(std::move(request), [weak = weak_from_this(), strand = strand_](AdminReply reply) {
      boost::asio::post(strand, [weak, reply = std::move(reply)]() mutable {
        if (const auto self = weak.lock()) self->answered(std::move(reply));
      });
    });
  } catch (const std::exception& error) {
    co_return admin_error(500, std::string("internal error: ") + error.what());
  }
  beast::error_code ignored;
  co_await work_timer_.async_wait(into(ignored));
  if (reply_) co_return std::move(*reply_);
  co_return admin_error(504, "the disk has not answered in time; the request may still be carried out");
}

void AdminConnection::answered(AdminReply reply) {
  if (step_ != Step::working || reply_) return;
  reply_ = std::move(reply);
  work_timer_.cancel();
}

net::Task<void> AdminConnection::answer(AdminReply reply, bool may_linger) {
  step_ = Step::answering;
  http::response<http::span_body<const char>> response(static_cast<http::status>(reply.status), 11);
  response.set(http::field::content_type, reply.content_type);
  response.set("X-Content-Type-Options", "nosniff");
  response.set("X-Frame-Options", "DENY");
  response.set(http::field::cache_control, "no-store");
  response.keep_alive(false);
  response.body() = {reply.body->data(), reply.body->size()};
  response.prepare_payload();
  http::response_serializer<http::span_body<const char>> serializer(response);
  stream_.expires_after(options_.write_timeout);
  beast::error_code error;
  if (parser_.get().method() == http::verb::head) {
    co_await http::async_write_header(stream_, serializer, into(error));
  } else {
    co_await http::async_write(stream_, serializer, into(error));
  }
  if (!error && !parser_.is_done() && may_linger && !is_closing_) co_await linger();
  stream_.close();
}

net::Task<void> AdminConnection::linger() {
  beast::error_code error;
  stream_.socket().shutdown(boost::asio::socket_base::shutdown_send, error);
  const auto until = std::chrono::steady_clock::now() + options_.rest_timeout;
  stream_.expires_at(until);
  error = {};
  // The stream's own timer does not fire as long as there is always something to read.
  for (std::size_t dropped = 0; !error && dropped <= most_dropped && std::chrono::steady_clock::now() < until;) {
    buffer_.clear();
    const auto room = buffer_.prepare(std::min(buffer_.max_size(), dropped_at_once));
    dropped += co_await stream_.async_read_some(room, into(error));
  }
}

// The listener owns the descriptor.
AdminServer::~AdminServer() {
  if (watched_) watched_->release();
}

void AdminServer::start(AdminListener listener) {
  boost::asio::dispatch(strand_, [this, listener = std::move(listener)]() mutable {
    listener_.emplace(std::move(listener));
    watched_.emplace(strand_);
    run(nullptr, accept_all());
  });
}

void AdminServer::look_after() {
  boost::asio::dispatch(strand_, [this] { renew(); });
}

void AdminServer::stop(std::function<void()> done) {
  boost::asio::dispatch(strand_, [this, done = std::move(done)] {
    close();
    done();
  });
}

net::Task<void> AdminServer::accept_all() {
  boost::system::error_code ignored;  // renew() and close() end the wait
  while (listener_) {
    const std::error_code error = accept_some(listener_->fd());
    const bool is_lasting = error && error.value() != EAGAIN && error.value() != ECONNABORTED && error.value() != EINTR;
    // Without this pause, what failed would fail again at once, for lack of a descriptor or of memory.
    if (is_lasting || !watch()) {
      pause_.expires_after(pause_time);
      co_await pause_.async_wait(into(ignored));
    } else {
      co_await watched_->async_wait(boost::asio::posix::descriptor_base::wait_read, into(ignored));
    }
  }
}

bool AdminServer::watch() {
  boost::system::error_code error;
  if (!watched_->is_open()) watched_->assign(listener_->fd(), error);
  return !error;
}

void AdminServer::renew() {
  if (!listener_) return;
  os::UniqueFd old;
  try {
    old = listener_->renew();
  } catch (const std::exception& error) {
    report(loss_reported_,
           std::string("The admin socket is gone and cannot be created again, so loncctl cannot reach this lonc: ") +
               core::escape_outside_text(error.what()) + "; lonc tries again");
  }
  if (!old) return;
  Reported unbounded;
  report(unbounded, "The admin socket was gone and has been created again");
  watched_->release();  // accept_all() watches the new one
  while (!accept_some(old.get())) continue;
}

std::error_code AdminServer::accept_some(int listening) {
  std::error_code error;
  for (int i = 0; i != accept_batch; ++i) {
    os::UniqueFd fd = os::accept_at(listening, error);
    if (!fd) break;
    try {
      admit(std::move(fd));
    } catch (const std::exception& failure) {
      failed(failure);
    }
  }
  return error;
}

void AdminServer::admit(os::UniqueFd fd) {
  AdminAccess access = listener_->access_of(fd.get());
  std::optional<AdminReply> refused = refusal(fd.get(), access);
  if (refused) access = AdminAccess::none;
  const bool may_linger = count(AdminAccess::none) < options_.most_refused;
  const auto connection =
      std::make_shared<AdminConnection>(strand_, std::move(fd), *listener_, access, options_, handler_);
  if (!refused || may_linger) connections_.push_back({connection, access});
  run(connection, refused ? connection->answer(std::move(*refused), may_linger) : connection->serve());
}

std::optional<AdminReply> AdminServer::refusal(int fd, AdminAccess access) {
  if (access == AdminAccess::none) {
    const auto user = node::user_of_peer(fd);
    report(refusal_reported_,
           "The user with uid " + (user ? std::to_string(*user) : "?") +
               " was refused at the admin socket: only lonc's own user, root and admin-group may use it");
    return admin_error(403, "only lonc's own user and root may use this socket, and members of admin-group may read");
  }
  const std::size_t readers = count(AdminAccess::read);
  const bool is_full = readers + count(AdminAccess::all) >= options_.most_connections ||
                       (access == AdminAccess::read && readers >= options_.most_readers);
  if (!is_full) return std::nullopt;
  return admin_error(503, "there are too many connections to the admin socket: try again");
}

void AdminServer::run(const std::shared_ptr<AdminConnection>& connection, net::Task<void> task) {
  boost::asio::co_spawn(strand_, std::move(task), [this, connection](const std::exception_ptr& failure) {
    try {
      if (failure) std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      failed(error);
    }
  });
}

std::size_t AdminServer::count(AdminAccess access) {
  std::erase_if(connections_, [](const Connected& connected) { return connected.connection.expired(); });
  return static_cast<std::size_t>(std::ranges::count(connections_, access, &Connected::access));
}

void AdminServer::close() {
  if (!listener_) return;
  listener_->close();
  watched_->release();
  watched_.reset();
  listener_.reset();
  pause_.cancel();
  for (const Connected& connected : std::exchange(connections_, {})) {
    if (const auto connection = connected.connection.lock()) connection->close();
  }
}

// Does not affect the relay.
void AdminServer::failed(const std::exception& error) {
  report(failure_reported_, std::string("A connection to the admin socket failed: ") + error.what());
}

void AdminServer::report(Reported& last, const std::string& text) {
  const auto now = std::chrono::steady_clock::now();
  if (last && now - *last < report_interval) return;
  last = now;
  log_.write(core::Severity::warning,
             {.server = "PARENT", .status = "Admin socket", .status_since = std::chrono::system_clock::now()}, text);
}

}  // namespace lonc::daemon
