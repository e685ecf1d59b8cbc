#include <lonc/app/admin_server.hpp>

#include "admin_connection.hpp"

#include <lonc/app/admin_access.hpp>
#include <lonc/core/text.hpp>
#include <lonc/net/socket_file.hpp>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

namespace lonc::app {

namespace {

constexpr int accept_batch = 16;                     // then others on the loop have their turn
constexpr std::chrono::milliseconds pause_time{100};  // while there is no descriptor
constexpr std::chrono::minutes report_interval{10};

}  // namespace

class AdminServer::Impl : public std::enable_shared_from_this<AdminServer::Impl> {
 public:
  Impl(boost::asio::io_context& io, AdminOptions options, net::LogSink& log, Handler handler)
      : options_(options),
        log_(log),
        handler_(std::move(handler)),
        strand_(boost::asio::make_strand(io)),
        pause_(strand_) {}

  void start(std::unique_ptr<AdminDoor> door) {
    door_ = std::move(door);
    boost::asio::dispatch(strand_, [self = shared_from_this()] {
      if (!self->door_) return;
      self->watched_.emplace(self->strand_, self->door_->fd());
      self->wait();
    });
  }

  void look_after() {
    boost::asio::dispatch(strand_, [self = shared_from_this()] { self->renew(); });
  }

  void stop(std::function<void()> done) {
    boost::asio::dispatch(strand_, [self = shared_from_this(), done = std::move(done)] {
      self->close();
      done();
    });
  }

 private:
  void wait() {
    watched_->async_wait(boost::asio::posix::descriptor_base::wait_read,
                         [self = shared_from_this()](const boost::system::error_code& error) {
                           if (!error && self->door_) self->accept_some();
                         });
  }

  void accept_some() {
    std::error_code error;
    for (int i = 0; i != accept_batch; ++i) {
      if (net::UniqueFd fd = door_->accept(error)) {
        connected(std::move(fd));
        continue;
      }
      const bool is_passing = error.value() == EAGAIN || error.value() == ECONNABORTED || error.value() == EINTR;
      return is_passing ? wait() : pause();
    }
    wait();
  }

  void renew() {
    if (!door_ || !watched_) return;
    net::UniqueFd old;
    try {
      old = door_->renew();
    } catch (const std::exception& error) {
      report(loss_reported_,
             std::string("The admin socket is gone and can not be made anew, so loncctl can not reach this lonc: ") +
                 core::escape_outside_text(error.what()) + "; it is tried again");
    }
    if (!old) return;
    Reported unbounded;
    report(unbounded, "The admin socket was gone and has been made anew");
    watched_->release();
    watched_->assign(door_->fd());
    pause_.cancel();
    std::error_code error;
    while (net::UniqueFd fd = net::accept_at(old.get(), error)) connected(std::move(fd));
    wait();
  }

  // The system says at once again that there is no descriptor.
  void pause() {
    pause_.expires_after(pause_time);
    pause_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && self->door_) self->wait();
    });
  }

  void connected(net::UniqueFd fd) {
    try {
      admit(std::move(fd));
    } catch (const std::exception& error) {
      // Of no consequence for the relay.
      report(failure_reported_, std::string("A connection to the admin socket failed: ") + error.what());
    }
  }

  void admit(net::UniqueFd fd) {
    const AdminAccess access = door_->access_of(fd.get());
    if (access == AdminAccess::none) {
      const auto user = user_of_peer(fd.get());
      report(refusal_reported_,
             "The user with the number " + (user ? std::to_string(*user) : "?") +
                 " was refused at the admin socket: only lonc's own user, root and admin-group may use it");
      return refuse(
          std::move(fd),
          admin_error(403, "only lonc's own user and root may use this socket, and members of admin-group may read"));
    }
    if (!has_room_for(access))
      return refuse(std::move(fd), admin_error(503, "there are too many connections to the admin socket: try again"));
    const auto connection = make_connection(std::move(fd), access);
    connections_.push_back({connection, access});
    connection->start();
  }

  void refuse(net::UniqueFd fd, AdminReply reply) {
    std::erase_if(refused_, [](const auto& connection) { return connection.expired(); });
    const bool may_linger = refused_.size() < options_.most_refused;
    const auto connection = make_connection(std::move(fd), AdminAccess::none);
    if (may_linger) refused_.push_back(connection);
    connection->refuse(std::move(reply), may_linger);
  }

  std::shared_ptr<AdminConnection> make_connection(net::UniqueFd fd, AdminAccess access) {
    return std::make_shared<AdminConnection>(strand_, AdminVisit{std::move(fd), door_->family(), access}, options_,
                                             handler_, shared_from_this());
  }

  bool has_room_for(AdminAccess access) {
    std::erase_if(connections_, [](const Connected& connected) { return connected.connection.expired(); });
    const auto readers = std::ranges::count(connections_, AdminAccess::read, &Connected::access);
    return connections_.size() < options_.most_connections &&
           (access == AdminAccess::all || static_cast<std::size_t>(readers) < options_.most_readers);
  }

  void close() {
    if (!door_) return;
    door_->close();
    if (watched_) watched_->release();
    watched_.reset();
    door_.reset();
    pause_.cancel();
    for (const Connected& connected : std::exchange(connections_, {})) {
      if (const auto connection = connected.connection.lock()) connection->close();
    }
    for (const auto& refused : std::exchange(refused_, {})) {
      if (const auto connection = refused.lock()) connection->close();
    }
  }

  using Reported = std::optional<std::chrono::steady_clock::time_point>;

  // Each kind has an interval of its own, so that none hides another.
  void report(Reported& last, const std::string& text) {
    const auto now = std::chrono::steady_clock::now();
    if (last && now - *last < report_interval) return;
    last = now;
    log_.write(core::Severity::warning,
               {.server = "PARENT", .status = "Admin socket", .status_since = std::chrono::system_clock::now()}, text);
  }

  struct Connected {
    std::weak_ptr<AdminConnection> connection;
    AdminAccess access;
  };

  const AdminOptions options_;
  net::LogSink& log_;
  const Handler handler_;
  net::Strand strand_;
  net::Timer pause_;
  std::unique_ptr<AdminDoor> door_;
  std::optional<boost::asio::posix::basic_stream_descriptor<net::Strand>> watched_;
  std::vector<Connected> connections_;
  std::vector<std::weak_ptr<AdminConnection>> refused_;  // that may still be sending
  Reported refusal_reported_;
  Reported failure_reported_;
  Reported loss_reported_;
};

AdminServer::AdminServer(boost::asio::io_context& io, AdminOptions options, net::LogSink& log, Handler handler)
    : impl_(std::make_shared<Impl>(io, options, log, std::move(handler))) {}

AdminServer::~AdminServer() = default;

void AdminServer::start(std::unique_ptr<AdminDoor> door) { impl_->start(std::move(door)); }
void AdminServer::look_after() { impl_->look_after(); }
void AdminServer::stop(std::function<void()> done) { impl_->stop(std::move(done)); }

}  // namespace lonc::app
