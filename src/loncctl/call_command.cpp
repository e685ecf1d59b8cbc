#include "call_command.hpp"

#include "node.hpp"
#include "standard_input.hpp"
#include "table.hpp"
#include "terminal.hpp"

#include <lonc/app/setting_table.hpp>
#include <lonc/app/user_check.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/error.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <string_view>

namespace lonc::ctl {

namespace {

namespace beast = boost::beast;
using Protocol = boost::asio::local::stream_protocol;
using ErrorCode = boost::system::error_code;

constexpr std::string_view encrypt_prefix = "encrypt:";

// One connection, one line, one answer.
class Exchange {
 public:
  Exchange(std::string line, std::size_t longest_reply) : out_(std::move(line) + "\n"), limit_(longest_reply + 1) {}

  // The deadline is for all steps together.
  void run(const std::string& path, std::chrono::milliseconds timeout) {
    stream_.expires_after(timeout);
    stream_.async_connect(Protocol::endpoint(path), [this](ErrorCode error) {
      if (error) return connect_failed(error);
      is_connected_ = true;
      boost::asio::async_write(stream_, boost::asio::buffer(out_), [this](ErrorCode write_error, std::size_t) {
        if (write_error) error_ = write_error;
        // Whoever was turned away has been answered all the same.
        boost::asio::async_read_until(stream_, boost::asio::dynamic_buffer(in_, limit_), '\n',
                                      [this](ErrorCode read_error, std::size_t) { error_ = read_error; });
      });
    });
    io_.run();
  }

  bool is_connected() const { return is_connected_; }
  ErrorCode error() const { return error_; }
  // Without its line end.
  std::string_view reply() const { return std::string_view(in_).substr(0, in_.find('\n')); }

 private:
  void connect_failed(ErrorCode error) { error_ = error; }

  boost::asio::io_context io_;
  beast::basic_stream<Protocol> stream_{io_};
  std::string out_;
  std::string in_;
  std::size_t limit_;
  bool is_connected_ = false;
  ErrorCode error_;
};

std::string request_of(const Options& options, std::size_t limit) {
  const bool is_given = options.words.size() > 1 && options.words[1] != "-";
  std::string line = is_given ? options.words[1] : read_standard_input(limit + 2);
  if (!is_given && line.ends_with('\n')) line.pop_back();
  if (line.empty()) throw Failure(ExitCode::failed, "the request is empty; give a command line such as ping");
  if (line.find('\n') != std::string::npos)
    throw Failure(ExitCode::failed, "the request has several lines; a call is one line");
  if (line.size() > limit)
    throw Failure(ExitCode::failed, "the request is longer than " + std::to_string(limit) +
                                        " bytes; if that is meant, raise max-line-length");
  if (options.is_encrypted && !line.starts_with(encrypt_prefix)) line.insert(0, encrypt_prefix);
  return line;
}

Failure no_socket(const Node& node, const std::string& path, const ErrorCode& error) {
  std::string text = "the socket " + path;
  if (error == boost::system::errc::permission_denied) {
    struct stat info{};
    text += " is not yours";
    if (::stat(path.c_str(), &info) == 0) text += ": it belongs to " + app::user_name(info.st_uid);
    return {ExitCode::unreachable, text + ", and you are " + app::user_name(::geteuid()) + "; call loncctl as " +
                                       node.settings.user + " or root"};
  }
  if (error == boost::system::errc::no_such_file_or_directory)
    return {ExitCode::unreachable, text +
                                       " is not there: lonc does not run, or was not told of this host yet; start "
                                       "it, or call `loncctl reload`"};
  if (error == boost::system::errc::connection_refused)
    return {ExitCode::unreachable, "nobody listens at " + path + ": lonc has ended without clearing up; start it"};
  return {ExitCode::unreachable, text + " can not be used: " + error.message() + "; `loncctl check` tells more"};
}

ExitCode no_answer(const Exchange& exchange, const std::string& host) {
  if (exchange.error() == beast::error::timeout) {
    std::cerr << "loncctl: no answer of " << host << " in time; `loncctl status " << host << "` tells more\n";
    return ExitCode::timeout;
  }
  if (exchange.error() == boost::asio::error::not_found)
    throw Failure(ExitCode::failed, "the answer is longer than max-line-length; if that is meant, raise it");
  std::cerr << "loncctl: lonc has closed the connection without an answer; `loncctl status " << host
            << "` tells more\n";
  return ExitCode::con_lost;
}

ExitCode code_of(std::string_view reply) {
  if (reply == "con_lost") return ExitCode::con_lost;
  return reply.starts_with("error:") ? ExitCode::error_reply : ExitCode::ok;
}

}  // namespace

ExitCode run_call_command(const Options& options) {
  // lonc itself answers con_lost after request-timeout, which says more than a timeout here.
  constexpr std::chrono::seconds more_than_lonc{10};
  if (options.words.empty() || options.words.size() > 2)
    throw app::UsageError("call takes HOST and one LINE (in quotes if it holds blanks), or - for standard input");
  const Node node = find_node(options);
  const std::string& host = options.words.front();
  check_host(node.settings, host);
  Exchange exchange(request_of(options, node.settings.max_line_length), node.settings.max_line_length);
  const app::Settings settings = app::settings_of(node.settings, host);
  const std::string path = node.settings.socket_dir + "/" + host;
  exchange.run(path, options.timeout.value_or(std::chrono::ceil<std::chrono::milliseconds>(
                         settings.request_timeout + settings.connect_wait + more_than_lonc)));
  if (!exchange.is_connected() && exchange.error() != beast::error::timeout)
    throw no_socket(node, path, exchange.error());
  if (exchange.error()) return no_answer(exchange, host);
  std::cout << (is_output_terminal() ? printable(exchange.reply()) : std::string(exchange.reply())) << "\n";
  const ExitCode code = code_of(exchange.reply());
  if (code == ExitCode::con_lost)
    std::cerr << "loncctl: " << host << " is not reached; `loncctl status " << host << "` tells why\n";
  return code;
}

}  // namespace lonc::ctl
