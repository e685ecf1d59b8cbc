#include "peers/black_hole.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace lonc::standin {

namespace {

constexpr int most_rounds = 16;  // backlog 0 holds one or two; more means that this kernel works differently
// On loopback a SYN is answered in microseconds or not at all.
constexpr std::chrono::milliseconds answer_wait{150};

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

}  // namespace

BlackHole::BlackHole(boost::asio::ip::tcp::endpoint endpoint) : endpoint_(std::move(endpoint)) {
  const int listener = ::socket(endpoint_.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) fail("socket");
  sockets_.push_back(listener);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  auto size = static_cast<socklen_t>(endpoint_.size());
  if (::bind(listener, endpoint_.data(), size) != 0 || ::listen(listener, 0) != 0) fail("black hole");
  size = static_cast<socklen_t>(endpoint_.capacity());
  if (::getsockname(listener, endpoint_.data(), &size) != 0) fail("getsockname");
}

BlackHole::~BlackHole() {
  for (const int socket : sockets_) ::close(socket);
}

void BlackHole::fill(std::vector<BlackHole*> holes) {
  for (int round = 0; !holes.empty(); ++round) {
    if (round == most_rounds) throw std::runtime_error("the accept queue of a black hole does not fill");
    for (BlackHole* hole : holes) hole->start_connect();
    std::this_thread::sleep_for(answer_wait);
    std::erase_if(holes, [](const BlackHole* hole) { return !hole->is_connected(); });
  }
}

void BlackHole::start_connect() {
  const int socket = ::socket(endpoint_.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) fail("socket");
  sockets_.push_back(socket);
  const int result = ::connect(socket, endpoint_.data(), static_cast<socklen_t>(endpoint_.size()));
  if (result != 0 && errno != EINPROGRESS) fail("connect to a black hole");
}

bool BlackHole::is_connected() const {
  pollfd ready{sockets_.back(), POLLOUT, 0};
  return ::poll(&ready, 1, 0) != 0;
}

}  // namespace lonc::standin
