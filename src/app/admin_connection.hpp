// One connection to an admin door: one request, one answer, and a deadline for each step.
#pragma once

#include <lonc/app/admin_server.hpp>
#include <lonc/net/unique_fd.hpp>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/string_body.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>

namespace lonc::app {

// Who has come through the door.
struct AdminVisit {
  net::UniqueFd fd;
  int family;  // AF_UNIX, ...
  AdminAccess access;
};

class AdminConnection : public std::enable_shared_from_this<AdminConnection> {
 public:
  // All on `strand`. `owner` keeps `options` and `handler` alive.
  AdminConnection(const net::Strand& strand, AdminVisit visit, const AdminOptions& options,
                  const AdminServer::Handler& handler, std::shared_ptr<const void> owner);
  ~AdminConnection() = default;
  AdminConnection(const AdminConnection&) = delete;
  AdminConnection& operator=(const AdminConnection&) = delete;

  void start();
  // In place of start(): answers without reading the request. `may_linger`: see part().
  void refuse(AdminReply reply, bool may_linger);
  // At the stop of the server. Whoever waits for an answer is told.
  void close();

 private:
  using Body = boost::beast::http::string_body;

  void request_read(boost::beast::error_code error);
  // Why this visitor may not ask this; nothing if he may.
  std::optional<AdminReply> refusal() const;
  void work();
  void answer(AdminReply reply);
  // A close with something unread becomes a reset, which can take the answer from whoever is still sending. So the rest
  // is read and thrown away, for a while.
  void part();
  void drop_rest();

  net::Strand strand_;
  const int family_;
  const AdminAccess access_;
  boost::beast::basic_stream<boost::asio::generic::stream_protocol, net::Strand> stream_;
  net::Timer work_timer_;
  const AdminOptions& options_;
  const AdminServer::Handler& handler_;
  const std::shared_ptr<const void> owner_;
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<Body>> parser_;
  std::optional<AdminReply> reply_;  // what response_ shows
  std::optional<boost::beast::http::response<boost::beast::http::span_body<const char>>> response_;
  std::optional<boost::beast::http::response_serializer<boost::beast::http::span_body<const char>>> serializer_;
  bool is_head_ = false;  // the answer is its header alone
  bool is_answered_ = false;
  bool may_linger_ = true;
  std::size_t dropped_ = 0;  // bytes
  std::chrono::steady_clock::time_point part_until_;
};

}  // namespace lonc::app
