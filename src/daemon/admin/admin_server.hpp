// The HTTP server for one listener: enforces access rights, sizes, numbers of connections, and time limits. AdminApi
// handles the requests themselves. Nothing here can block the relay or use up its resources.
#pragma once

#include "daemon/admin/admin_api.hpp"

#include <lonc/net/session/log_sink.hpp>
#include <lonc/net/socket/executor.hpp>
#include <lonc/os/socket_file.hpp>
#include <lonc/os/unique_fd.hpp>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace lonc::daemon {

enum class AdminAccess {
  none,  // refused
  read,  // only GET
  all,
};

// A listening socket for administrators, and the access rights of those who connect. A value; independent of HTTP.
class AdminListener {
 public:
  // A UNIX socket. Root and the daemon's own user may do everything. If `group` is not empty, its members may read;
  // only then can other users connect at all. Throws std::system_error.
  AdminListener(const std::string& path, const std::string& group);
  // TCP, read-only. Throws std::system_error.
  explicit AdminListener(const boost::asio::ip::tcp::endpoint& endpoint);

  int fd() const { return file_ ? file_->fd() : tcp_.get(); }
  int family() const { return family_; }  // AF_UNIX, ...
  // The rights of the process that has connected.
  AdminAccess access_of(int connection) const;
  // See os::SocketFile; a TCP listener has no name that could be lost.
  os::UniqueFd renew() { return file_ ? file_->renew() : os::UniqueFd(); }
  // After this, no new connections are accepted.
  void close();

 private:
  int family_;
  std::unique_ptr<os::SocketFile> file_;  // none: TCP
  std::optional<gid_t> group_;
  os::UniqueFd tcp_;
};

struct AdminOptions {
  std::size_t most_connections = 16;
  std::size_t most_readers = 12;  // of these, for clients that may only read: they cannot keep others out
  std::size_t most_refused = 16;  // refused ones whose remaining input is read; others may lose the answer
  std::size_t header_limit = 8 * 1024;
  std::size_t body_limit = 512 * 1024;
  std::chrono::milliseconds read_timeout = std::chrono::seconds{10};   // for the whole request
  std::chrono::milliseconds work_timeout = std::chrono::seconds{60};   // a disk may hang
  std::chrono::milliseconds write_timeout = std::chrono::seconds{10};  // for the whole answer
  std::chrono::milliseconds rest_timeout = std::chrono::seconds{1};    // for the rest of a request answered early
};

// Called on the server's strand. `done` may be called once, from any thread; if it is dropped or called too late, the
// client gets a timeout as its answer.
using AdminHandler = std::function<void(AdminRequest request, AdminApi::Done done)>;

// One connection: one request, one answer, and a deadline for each step. Lives on the server's strand.
class AdminConnection : public std::enable_shared_from_this<AdminConnection> {
 public:
  // `fd` is a new connection at `listener`. `options` and `handler` must outlive it.
  AdminConnection(const net::Strand& strand, os::UniqueFd fd, const AdminListener& listener, AdminAccess access,
                  const AdminOptions& options, const AdminHandler& handler);

  // Runs from the request to the end of the connection. The object must outlive the task.
  net::Task<void> serve();
  // The last step of serve(), and instead of it if the request is not even read. `may_linger`: see linger().
  net::Task<void> answer(AdminReply reply, bool may_linger);
  // Called when the server stops: ends serve(). A client that waits for its answer gets 503.
  void close();

 private:
  enum class Step { reading, working, answering };

  // The answer if this request is refused; nothing if it is served.
  std::optional<AdminReply> refusal(boost::beast::error_code error) const;
  net::Task<AdminReply> work();
  void answered(AdminReply reply);
  // Closing a socket with unread input sends a reset, and a client that is still sending may then lose the answer. So
  // the rest is read and discarded, for a limited time.
  net::Task<void> linger();

  net::Strand strand_;
  const int family_;
  const AdminAccess access_;
  boost::beast::basic_stream<boost::asio::generic::stream_protocol, net::Strand> stream_;
  net::Timer work_timer_{strand_};
  const AdminOptions& options_;
  const AdminHandler& handler_;
  boost::beast::flat_buffer buffer_;
  boost::beast::http::request_parser<boost::beast::http::string_body> parser_;
  Step step_ = Step::reading;
  std::optional<AdminReply> reply_;  // what work() waits for
  bool is_closing_ = false;
};

// Lives on a strand of its own; start(), look_after() and stop() may be called from any thread. It must outlive its
// handlers and connections, that is, until stop() is done and the loop has no more work.
class AdminServer {
 public:
  AdminServer(boost::asio::io_context& io, const AdminOptions& options, net::LogSink& log, AdminHandler handler)
      : options_(options), log_(log), handler_(std::move(handler)), strand_(boost::asio::make_strand(io)) {}
  ~AdminServer();

  void start(AdminListener listener);

  // Recreates the listener's name in the file system if it is gone, and logs that. Does nothing without a listener.
  void look_after();

  // Closes the listener and all connections; clients that wait for an answer get 503. Then calls `done` on the server's
  // strand, even if the server never started.
  void stop(std::function<void()> done);

 private:
  using Reported = std::optional<std::chrono::steady_clock::time_point>;

  struct Connected {
    std::weak_ptr<AdminConnection> connection;
    AdminAccess access;
  };

  net::Task<void> accept_all();
  void renew();
  // Watches the listener if it is not watched yet. False if the system refuses that.
  bool watch();
  // Some of the connections that wait at the socket. Returns why there are no more; nothing if there may be.
  std::error_code accept_some(int listening);
  void admit(os::UniqueFd fd);
  // The answer if a new connection is refused; nothing if it is served.
  std::optional<AdminReply> refusal(int fd, AdminAccess access);
  // Keeps `connection`, which may be null, alive until the task ends.
  void run(const std::shared_ptr<AdminConnection>& connection, net::Task<void> task);
  std::size_t count(AdminAccess access);
  void close();
  void failed(const std::exception& error);
  // Each kind of report has an interval of its own, so that none hides another.
  void report(Reported& last, const std::string& text);

  const AdminOptions options_;
  net::LogSink& log_;
  const AdminHandler handler_;
  net::Strand strand_;
  net::Timer pause_{strand_};
  std::optional<AdminListener> listener_;
  std::optional<boost::asio::posix::basic_stream_descriptor<net::Strand>> watched_;
  std::vector<Connected> connections_;  // also the refused ones that may still be sending, with AdminAccess::none
  Reported refusal_reported_;
  Reported failure_reported_;
  Reported loss_reported_;
};

}  // namespace lonc::daemon
