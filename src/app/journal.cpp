#include <lonc/app/journal.hpp>

#include <lonc/net/file_write.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>

#include <cstring>
#include <string_view>

namespace lonc::app {
namespace {

int syslog_priority(core::Severity severity) {
  switch (severity) {
    case core::Severity::debug:
      return LOG_DEBUG;
    case core::Severity::notice:  // the daily business: what the classic log has without a word before it
      return LOG_INFO;
    case core::Severity::info:
      return LOG_NOTICE;
    case core::Severity::warning:
      return LOG_WARNING;
    case core::Severity::critical:
      return LOG_CRIT;
  }
  return LOG_INFO;
}

std::string field(std::string_view name, std::string_view value) {
  std::string text{name};
  text += '=';
  append_one_line(text, value);
  return text;
}

// Nobody holds the other end any more: the journal has been started anew.
bool is_gone(const std::error_code& error) {
  return error == std::errc::not_connected || error == std::errc::connection_refused ||
         error == std::errc::connection_reset || error == std::errc::broken_pipe;
}

}  // namespace

bool leads_to_journal(int fd, const char* journal_stream) {
  struct stat info{};
  if (journal_stream == nullptr || ::fstat(fd, &info) != 0) return false;
  return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino) == journal_stream;
}

std::vector<std::string> journal_fields(const LogLine& line) {
  std::vector<std::string> fields{
      field("MESSAGE", line.message),
      field("PRIORITY", std::to_string(syslog_priority(line.severity))),
      field("SYSLOG_IDENTIFIER", "lonc"),
      field("STATE", line.status),
  };
  if (line.server != "PARENT") fields.push_back(field("PEER", line.server));
  if (!line.command.empty()) fields.push_back(field("COMMAND", line.command));
  return fields;
}

std::error_code JournalSocket::send(const LogLine& line) {
  std::string datagram;  // NAME=VALUE and a line end each; no value has a line end in it
  for (const std::string& text : journal_fields(line)) datagram.append(text).append("\n");
  std::error_code error = fd_ ? put(datagram) : std::make_error_code(std::errc::not_connected);
  if (!is_gone(error)) return error;
  error = connect();
  return error ? error : put(datagram);
}

std::error_code JournalSocket::connect() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) return std::make_error_code(std::errc::filename_too_long);
  std::memcpy(address.sun_path, path_.data(), path_.size());
  fd_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_) return net::last_error();
  if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return {};
  const std::error_code error = net::last_error();
  fd_.reset();
  return error;
}

std::error_code JournalSocket::put(const std::string& datagram) {
  const auto until = std::chrono::steady_clock::now() + (is_stuck_ ? std::chrono::milliseconds{0} : patience);
  for (;;) {
    const ssize_t sent = ::send(fd_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL);
    const std::error_code error = sent < 0 ? net::last_error() : std::error_code{};
    is_stuck_ = error == std::errc::resource_unavailable_try_again;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (!is_stuck_ || left.count() <= 0) return error;
    pollfd room{fd_.get(), POLLOUT, 0};
    ::poll(&room, 1, static_cast<int>(left.count()));
  }
}

}  // namespace lonc::app
