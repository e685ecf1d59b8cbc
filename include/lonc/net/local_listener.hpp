// Accepts the clients of one peer's socket, and has those refused for whom there is no place or no descriptor. Does not
// talk to them.
#pragma once

#include <lonc/net/client_limit.hpp>
#include <lonc/net/executor.hpp>
#include <lonc/net/refused_clients.hpp>
#include <lonc/net/socket_file.hpp>
#include <lonc/net/unique_fd.hpp>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

namespace lonc::net {

class LocalListener : public std::enable_shared_from_this<LocalListener> {
 public:
  struct Handler {
    virtual ~Handler() = default;
    // It has a place.
    virtual void client_connected(UniqueFd fd, ClientLimit::Slot slot) = 0;
    // These are told seldom, however often it happens.
    virtual void accept_failed(std::error_code error) = 0;
    virtual void client_refused(ClientLimit::Place why) = 0;
  };

  // Binds and listens; clients wait until start(). Throws std::system_error.
  LocalListener(Strand strand, const std::string& path, unsigned mode, const std::string& group,
                const ClientLimit& limit);

  // `handler` is called on the strand until close(). Exceptions of it come out of the task.
  Task<void> run(Handler& handler);

  // Whether the socket's name is still there, and its own; if not, it is made anew. Who has connected is served.
  SocketLook look_after();

  // Removes the socket file if it is ours, accepts who is still waiting, and closes. Calls the handler. Who was refused
  // is kept until close().
  void stop();
  // The same, but nobody is accepted and the handler is not called.
  void close();

 private:
  enum class Batch { drained, more, crowded, blocked };

  Batch accept_batch();
  bool accept_one(int listening, std::error_code& error);
  bool refuse_one(int listening, std::error_code& error);
  void refuse(UniqueFd fd, ClientLimit::Slot slot);
  void accept_all(int listening);
  bool is_to_be_told(std::optional<std::chrono::steady_clock::time_point>& last) const;
  void report(std::error_code error);
  void close_socket();

  Strand strand_;
  SocketFile socket_;
  ClientLimit::Share share_;
  const std::shared_ptr<RefusedClients> refused_;
  Handler* handler_ = nullptr;  // none before run() and after close()
  std::optional<boost::asio::posix::basic_stream_descriptor<Strand>> watched_;
  Timer pause_;
  std::optional<std::chrono::steady_clock::time_point> reported_;
  std::optional<std::chrono::steady_clock::time_point> reported_refusal_;
};

}  // namespace lonc::net
