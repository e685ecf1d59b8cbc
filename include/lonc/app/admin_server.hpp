// HTTP at one admin door: who may do what there, how much, how many and for how long. What is asked and answered is
// AdminApi's business. Nothing that happens there can hold up or use up what the relay needs.
#pragma once

#include <lonc/app/admin_door.hpp>
#include <lonc/app/admin_message.hpp>
#include <lonc/net/executor.hpp>
#include <lonc/net/log_sink.hpp>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace lonc::app {

struct AdminOptions {
  std::size_t most_connections = 16;
  std::size_t most_readers = 12;  // of these, such as may only read: they can not keep others out
  std::size_t most_refused = 16;  // whose rest is read after they were refused; others may lose the answer
  std::size_t header_limit = 8 * 1024;
  std::size_t body_limit = 512 * 1024;
  std::chrono::milliseconds read_timeout = std::chrono::seconds{10};   // for the whole request
  std::chrono::milliseconds work_timeout = std::chrono::seconds{60};   // a disk may hang
  std::chrono::milliseconds write_timeout = std::chrono::seconds{10};  // for the whole answer
  std::chrono::milliseconds rest_timeout = std::chrono::seconds{1};  // of a request that was answered before its end
};

class AdminServer {
 public:
  // Called on the server's strand. `done` may be called from any thread, once; if it is dropped or comes late, the
  // answer is that the time is over.
  using Handler = std::function<void(AdminRequest request, std::function<void(AdminReply)> done)>;

  // `log` must outlive the io_context's handlers.
  AdminServer(boost::asio::io_context& io, AdminOptions options, net::LogSink& log, Handler handler);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  void start(std::unique_ptr<AdminDoor> door);

  // If the door's name is gone, it is made anew; the log tells it. Without a door: nothing.
  void look_after();

  // Closes the door and what is connected; those who wait for an answer get 503. Then calls `done`, on the server's
  // strand. Also if it never started.
  void stop(std::function<void()> done);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace lonc::app
