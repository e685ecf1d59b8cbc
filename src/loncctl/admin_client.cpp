#include "admin_client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <chrono>
#include <cstdint>

namespace lonc::ctl {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using Protocol = boost::asio::local::stream_protocol;

constexpr std::chrono::seconds patience_with_work{75};
constexpr std::chrono::milliseconds between_questions{50};
constexpr std::uint64_t longest_answer = std::uint64_t{64} * 1024 * 1024;

class Call {
 public:
  Call(http::verb method, const std::string& target, const std::string& body) : request_(method, target, 11) {
    request_.set(http::field::host, "localhost");
    if (method == http::verb::post) {
      request_.set(http::field::content_type, "application/json");
      request_.body() = body;
      request_.prepare_payload();
    }
    parser_.body_limit(longest_answer);
  }

  AdminResponse run(const std::string& path, const Patience& patience) {
    boost::system::error_code error;
    stream_.socket().connect(Protocol::endpoint(path), error);
    if (error) return failed(error);
    response_.is_connected = true;
    stream_.expires_after(patience.silence);
    // Whoever is refused is told so without having been read: the answer counts, not the error of the write.
    http::async_write(stream_, request_, [this, &patience](beast::error_code, std::size_t) { read_on(patience); });
    if (!wait(patience)) return failed(std::make_error_code(std::errc::operation_canceled));
    if (response_.error) return response_;
    response_.status = parser_.get().result_int();
    response_.body = std::move(parser_.get().body());
    return response_;
  }

 private:
  void read_on(const Patience& patience) {
    stream_.expires_after(patience.silence);
    http::async_read_some(stream_, buffer_, parser_, [this, &patience](beast::error_code error, std::size_t) {
      if (error == beast::error::timeout) error = boost::system::errc::make_error_code(boost::system::errc::timed_out);
      if (error) {
        response_.error = error;
      } else if (!parser_.is_done()) {
        read_on(patience);
      }
    });
  }

  // False if it was called off.
  bool wait(const Patience& patience) {
    if (!patience.wants_end) return io_.run(), true;
    while (!io_.stopped()) {
      if (patience.wants_end()) return false;
      io_.run_for(between_questions);
    }
    return true;
  }

  AdminResponse failed(const std::error_code& error) {
    response_.error = error;
    return response_;
  }

  boost::asio::io_context io_;
  beast::basic_stream<Protocol> stream_{io_};
  beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  http::response_parser<http::string_body> parser_;
  AdminResponse response_;
};

AdminResponse call(http::verb method, const std::string& path, const std::string& target, const std::string& body,
                   const Patience& patience) {
  if (path.size() >= sizeof(sockaddr_un{}.sun_path)) {
    return {
        .error = std::make_error_code(std::errc::filename_too_long), .is_connected = false, .status = 0, .body = {}};
  }
  return Call(method, target, body).run(path, patience);
}

}  // namespace

AdminResponse post_to_admin(const std::string& path, const std::string& target, const std::string& body) {
  return call(http::verb::post, path, target, body, {.silence = patience_with_work, .wants_end = {}});
}

AdminResponse get_from_admin(const std::string& path, const std::string& target, const Patience& patience) {
  return call(http::verb::get, path, target, {}, patience);
}

}  // namespace lonc::ctl
