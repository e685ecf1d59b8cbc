#include "admin_connection.hpp"

#include <boost/asio/post.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <exception>
#include <utility>

namespace lonc::app {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

}  // namespace

AdminConnection::AdminConnection(const net::Strand& strand, net::UniqueFd fd, const AdminOptions& options,
                                 const AdminServer::Handler& handler, std::shared_ptr<const void> owner)
    : strand_(strand),
      stream_(strand),
      work_timer_(strand),
      options_(options),
      handler_(handler),
      owner_(std::move(owner)),
      buffer_(options.header_limit + options.body_limit) {
  stream_.socket().assign(boost::asio::local::stream_protocol(), fd.get());
  fd.release();
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(options.header_limit));
  parser_->body_limit(options.body_limit);
}

void AdminConnection::start() {
  stream_.expires_after(options_.read_timeout);
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](beast::error_code error, std::size_t) { self->request_read(error); });
}

void AdminConnection::close() {
  is_answered_ = true;
  work_timer_.cancel();
  stream_.close();
}

void AdminConnection::request_read(beast::error_code error) {
  if (is_answered_) return;
  if (error == http::error::body_limit) return answer(admin_error(413, "the body is too long"));
  if (error == http::error::header_limit) return answer(admin_error(431, "the header is too long"));
  if (error == http::error::end_of_stream || error == beast::error::timeout) return;
  if (error && error.category() == http::make_error_code(http::error::bad_method).category() &&
      error != http::error::partial_message)
    return answer(admin_error(400, "this is not HTTP: " + error.message()));
  if (!error) work();
}

void AdminConnection::work() {
  stream_.expires_never();
  work_timer_.expires_after(options_.work_timeout);
  work_timer_.async_wait([self = shared_from_this()](const beast::error_code& error) {
    if (!error) self->answer(admin_error(504, "the disk has not answered in time; what was asked may still be done"));
  });
  auto& message = parser_->get();
  AdminRequest request{.method = std::string(message.method_string()),
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
  http::async_write(stream_, *response_,
                    [self = shared_from_this()](beast::error_code, std::size_t) { self->stream_.close(); });
}

}  // namespace lonc::app
