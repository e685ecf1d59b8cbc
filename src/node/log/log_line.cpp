#include <lonc/node/log/log_line.hpp>

#include <lonc/core/base/text.hpp>
#include <lonc/os/files.hpp>
#include <lonc/os/socket_file.hpp>
#include <lonc/os/wall_time.hpp>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>

#include <algorithm>
#include <cstddef>

namespace lonc::node {

namespace {

struct Level {
  std::string_view prefix;
  int priority;
};

// By core::Severity, in its order. What is routine has no prefix in the classic log.
constexpr Level levels[]{
    {"", LOG_DEBUG}, {"", LOG_INFO}, {"INFO: ", LOG_NOTICE}, {"WARNING: ", LOG_WARNING}, {"CRITICAL: ", LOG_CRIT}};

const Level& level_of(core::Severity severity) { return levels[static_cast<std::size_t>(severity)]; }

std::string field(std::string_view name, std::string_view value) {
  std::string text;
  append_one_line(text, fmt::format("{}={}", name, value));
  return text;
}

// The other end is closed: the journal was restarted.
bool is_gone(const std::error_code& error) {
  return error == std::errc::not_connected || error == std::errc::connection_refused ||
         error == std::errc::connection_reset || error == std::errc::broken_pipe;
}

}  // namespace

std::string_view severity_prefix(core::Severity severity) { return level_of(severity).prefix; }

void append_one_line(std::string& out, std::string_view text) {
  const std::size_t start = out.size();
  out.append(text);
  std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(start), out.end(), core::is_control, ' ');
}

void append_log_line(std::string& out, const LogLine& line) {
  append_one_line(out, fmt::format("{} ({}) [{}] [{}: {}]: {}{}", os::local_time_text(line.time), line.pid, line.server,
                                   os::local_time_text(line.status_since), line.status, severity_prefix(line.severity),
                                   line.message));
  out += '\n';
}

bool leads_to_journal(int fd, const char* journal_stream) {
  struct stat info{};
  if (journal_stream == nullptr || ::fstat(fd, &info) != 0) return false;
  return fmt::format("{}:{}", info.st_dev, info.st_ino) == journal_stream;
}

std::vector<std::string> journal_fields(const LogLine& line) {
  std::vector<std::string> fields{
      field("MESSAGE", line.message),
      field("PRIORITY", std::to_string(level_of(line.severity).priority)),
      field("SYSLOG_IDENTIFIER", "lonc"),
      field("STATE", line.status),
  };
  if (line.server != "PARENT") fields.push_back(field("PEER", line.server));
  if (!line.command.empty()) fields.push_back(field("COMMAND", line.command));
  return fields;
}

std::error_code JournalSocket::send(const LogLine& line) {
  // NAME=VALUE and a line end for each; no value contains a line end.
  const std::string datagram = fmt::format("{}\n", fmt::join(journal_fields(line), "\n"));
  std::error_code error = fd_ ? put(datagram) : std::make_error_code(std::errc::not_connected);
  if (!is_gone(error)) return error;
  error = connect();
  return error ? error : put(datagram);
}

std::error_code JournalSocket::connect() {
  const auto address = os::unix_address(path_);
  if (!address) return std::make_error_code(std::errc::filename_too_long);
  fd_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_) return os::last_error();
  if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0) return {};
  const std::error_code error = os::last_error();
  fd_.reset();
  return error;
}

std::error_code JournalSocket::put(const std::string& datagram) {
  const auto until = std::chrono::steady_clock::now() + (is_stuck_ ? std::chrono::milliseconds{0} : patience);
  for (;;) {
    const ssize_t sent = ::send(fd_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL);
    const std::error_code error = sent < 0 ? os::last_error() : std::error_code{};
    is_stuck_ = error == std::errc::resource_unavailable_try_again;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (!is_stuck_ || left.count() <= 0) return error;
    pollfd room{fd_.get(), POLLOUT, 0};
    ::poll(&room, 1, static_cast<int>(left.count()));
  }
}

}  // namespace lonc::node
