#include "admin_client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
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

constexpr std::chrono::seconds patience{75};
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

  AdminResponse run(const std::string& path) {
    boost::system::error_code error;
    stream_.socket().connect(Protocol::endpoint(path), error);
    if (error) return failed(error);
    response_.is_connected = true;
    stream_.expires_after(patience);
    // Whoever is refused is told so without having been read: the answer counts, not the error of the write.
    http::async_write(stream_, request_, [this](beast::error_code, std::size_t) {
      http::async_read(stream_, buffer_, parser_, [this](beast::error_code read_error, std::size_t) {
        if (read_error) response_.error = read_error;
      });
    });
    io_.run();
    if (response_.error) return response_;
    response_.status = parser_.get().result_int();
    response_.body = std::move(parser_.get().body());
    return response_;
  }

 private:
  AdminResponse failed(const boost::system::error_code& error) {
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

AdminResponse call(http::verb method, const std::string& path, const std::string& target, const std::string& body) {
  if (path.size() >= sizeof(sockaddr_un{}.sun_path)) {
    return {
        .error = std::make_error_code(std::errc::filename_too_long), .is_connected = false, .status = 0, .body = {}};
  }
  return Call(method, target, body).run(path);
}

}  // namespace

AdminResponse post_to_admin(const std::string& path, const std::string& target, const std::string& body) {
  return call(http::verb::post, path, target, body);
}

AdminResponse get_from_admin(const std::string& path, const std::string& target) {
  return call(http::verb::get, path, target, {});
}

}  // namespace lonc::ctl
