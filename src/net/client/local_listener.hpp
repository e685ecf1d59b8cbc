// Accepts the clients of one peer's socket, and has clients refused if there is no place or no descriptor for them.
// Does not talk to them. After construction, used on its strand only.
#pragma once

#include <lonc/net/client/client_limit.hpp>
#include <lonc/net/socket/executor.hpp>
#include <lonc/os/socket_file.hpp>
#include <lonc/os/unique_fd.hpp>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

namespace lonc::net {

class RefusedClients;

class LocalListener : public std::enable_shared_from_this<LocalListener> {
 public:
  struct Handler {
    virtual ~Handler() = default;
    // The client has a place.
    virtual void client_connected(os::UniqueFd fd, ClientLimit::Slot slot) = 0;
    // The following are reported rarely, however often they happen.
    virtual void accept_failed(std::error_code error) = 0;
    virtual void client_refused(ClientLimit::Place why) = 0;
  };

  // Binds and listens; clients wait until run(). Throws std::system_error.
  LocalListener(Strand strand, const std::string& path, unsigned mode, const std::string& group,
                ClientLimit::Share share);

  // `handler` is called on the strand until close(). Its exceptions propagate out of the task.
  Task<void> run(Handler& handler);

  // Checks that the socket's name still exists and is its own; if not, the socket is created again. Clients that have
  // already connected are served.
  os::SocketLook look_after();

  // Removes the socket file if it is ours, accepts clients that are still waiting, and closes. Calls the handler.
  // Refused clients are kept until close().
  void stop();
  // The same, but accepts nobody and does not call the handler.
  void close();

 private:
  enum class Batch { drained, more, crowded, blocked };

  Batch accept_batch();
  bool accept_one(int listening, std::error_code& error);
  bool refuse_one(int listening, std::error_code& error);
  void refuse(os::UniqueFd fd, ClientLimit::Slot slot);
  void accept_all(int listening);
  bool is_to_be_told(std::optional<std::chrono::steady_clock::time_point>& last) const;
  void report(std::error_code error) {
    if (is_to_be_told(reported_)) handler_->accept_failed(error);
  }
  void close_socket();

  Strand strand_;
  os::SocketFile socket_;
  ClientLimit::Share share_;
  const std::shared_ptr<RefusedClients> refused_;
  Handler* handler_ = nullptr;  // null before run() and after stop() or close()
  std::optional<boost::asio::posix::basic_stream_descriptor<Strand>> watched_;
  Timer pause_;
  std::optional<std::chrono::steady_clock::time_point> reported_;
  std::optional<std::chrono::steady_clock::time_point> reported_refusal_;
};

}  // namespace lonc::net
