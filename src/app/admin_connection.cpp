#include "admin_connection.hpp"

#include <lonc/app/admin_address.hpp>

#include <boost/asio/post.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <sys/socket.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace lonc::app {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr std::size_t most_dropped = 1024 * 1024;  // bytes
constexpr std::size_t dropped_at_once = 16 * 1024;

}  // namespace

AdminConnection::AdminConnection(const net::Strand& strand, AdminVisit visit, const AdminOptions& options,
                                 const AdminServer::Handler& handler, std::shared_ptr<const void> owner)
    : strand_(strand),
      family_(visit.family),
      access_(visit.access),
      stream_(strand),
      work_timer_(strand),
      options_(options),
      handler_(handler),
      owner_(std::move(owner)),
      buffer_(options.header_limit + options.body_limit) {
  stream_.socket().assign(boost::asio::generic::stream_protocol(family_, 0), visit.fd.get());
  visit.fd.release();
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(options.header_limit));
  parser_->body_limit(options.body_limit);
}

void AdminConnection::start() {
  stream_.expires_after(options_.read_timeout);
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](beast::error_code error, std::size_t) { self->request_read(error); });
}

void AdminConnection::refuse(AdminReply reply, bool may_linger) {
  may_linger_ = may_linger;
  answer(std::move(reply));
}

void AdminConnection::close() {
  // So short an answer has gone to the system when this returns.
  if (!is_answered_ && parser_->is_done())
    return answer(admin_error(503, "lonc is shutting down; what was asked may have been done"));
  is_answered_ = true;
  work_timer_.cancel();
  stream_.close();
}

void AdminConnection::request_read(beast::error_code error) {
  if (is_answered_) return;
  is_head_ = parser_->get().method() == http::verb::head;
  if (error == http::error::body_limit) return answer(admin_error(413, "the body is too long"));
  if (error == http::error::header_limit) return answer(admin_error(431, "the header is too long"));
  if (error == http::error::end_of_stream || error == beast::error::timeout) return;
  if (error && error.category() == http::make_error_code(http::error::bad_method).category() &&
      error != http::error::partial_message)
    return answer(admin_error(400, "this is not HTTP: " + error.message()));
  if (!error) work();
}

std::optional<AdminReply> AdminConnection::refusal() const {
  const auto& message = parser_->get();
  const bool is_tcp = family_ != AF_UNIX;
  if (message.count(http::field::host) > 1) return admin_error(400, "the request has two Host headers");
  // Where the body ends would be a guess, and with it what is asked.
  if (message.count(http::field::transfer_encoding) != 0 && !parser_->chunked())
    return admin_error(501, "the Transfer-Encoding is unknown here: use chunked or a Content-Length");
  if (is_tcp && !is_loopback_host(message[http::field::host]))
    return admin_error(403, "the Host of the request is not this machine: use localhost or its address");
  const bool is_reading = message.method() == http::verb::get || message.method() == http::verb::head;
  if (is_reading || access_ == AdminAccess::all) return std::nullopt;
  if (is_tcp) return admin_error(405, "at this address one can only read (GET): use the admin socket");
  return admin_error(403, "members of admin-group may only read (GET)");
}

void AdminConnection::work() {
  if (const auto reply = refusal()) return answer(*reply);
  stream_.expires_never();
  work_timer_.expires_after(options_.work_timeout);
  work_timer_.async_wait([self = shared_from_this()](const beast::error_code& error) {
    if (!error) self->answer(admin_error(504, "the disk has not answered in time; what was asked may still be done"));
  });
  auto& message = parser_->get();
  AdminRequest request{.method = is_head_ ? "GET" : std::string(message.method_string()),
                       .target = std::string(message.target()),
                       .body = std::move(message.body())};
  try {
    handler_(std::move(request), [weak = weak_from_this(), strand = strand_](AdminReply reply) {
      boost::asio::post(strand, [weak, reply = std::move(reply)]() mutable {
        if (const auto self = weak.lock()) self->answer(std::move(reply));
      });
    });
  } catch (const std::exception& error) {
    answer(admin_error(500, std::string("internal error: ") + error.what()));
  }
}

void AdminConnection::answer(AdminReply reply) {
  if (std::exchange(is_answered_, true)) return;
  work_timer_.cancel();
  response_.emplace(static_cast<http::status>(reply.status), 11);
  response_->set(http::field::content_type, reply.content_type);
  response_->set("X-Content-Type-Options", "nosniff");
  response_->set("X-Frame-Options", "DENY");
  response_->set(http::field::cache_control, "no-store");
  response_->keep_alive(false);
  reply_ = std::move(reply);
  response_->body() = {reply_->body->data(), reply_->body->size()};
  response_->prepare_payload();
  stream_.expires_after(options_.write_timeout);
  serializer_.emplace(*response_);
  const auto written = [self = shared_from_this()](beast::error_code error, std::size_t) {
    if (error || self->parser_->is_done() || !self->may_linger_) return self->stream_.close();
    self->part();
  };
  if (is_head_) {
    http::async_write_header(stream_, *serializer_, written);
  } else {
    http::async_write(stream_, *serializer_, written);
  }
}

void AdminConnection::part() {
  beast::error_code ignored;
  stream_.socket().shutdown(boost::asio::socket_base::shutdown_send, ignored);
  part_until_ = std::chrono::steady_clock::now() + options_.rest_timeout;
  stream_.expires_at(part_until_);
  drop_rest();
}

void AdminConnection::drop_rest() {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(std::min(buffer_.max_size(), dropped_at_once)),
                          [self = shared_from_this()](beast::error_code error, std::size_t size) {
                            self->dropped_ += size;
                            // The stream's own timer does not fire while there is always something to read.
                            const bool is_over = std::chrono::steady_clock::now() >= self->part_until_;
                            if (error || is_over || self->dropped_ > most_dropped) return self->stream_.close();
                            self->drop_rest();
                          });
}

}  // namespace lonc::app
