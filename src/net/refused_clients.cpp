#include <lonc/net/refused_clients.hpp>

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string_view>
#include <utility>

namespace lonc::net {

namespace {

constexpr std::string_view answer = "con_lost\n";
constexpr std::chrono::seconds patience{5};
// Where others wait for their places: of one that has said nothing yet; who has said its line has its answer.
constexpr std::chrono::milliseconds short_patience{250};
constexpr std::chrono::milliseconds interval{10};
constexpr int reads_at_once = 16;  // of one client, then others have their turn

}  // namespace

void RefusedClients::add(UniqueFd fd, ClientLimit::Slot slot) {
  [[maybe_unused]] const ssize_t sent = ::send(fd.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  ::shutdown(fd.get(), SHUT_WR);
  clients_.push_back({.slot = std::move(slot), .fd = std::move(fd), .since = std::chrono::steady_clock::now()});
  if (!is_timer_set_) look_later();
}

// False if it has left. What it said is read to its end first, since what nobody has read makes a reset of the close.
bool RefusedClients::Client::listen() {
  std::array<char, 16 * 1024> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init): only what was received is read
  for (int reads = 0; reads != reads_at_once; ++reads) {
    const ssize_t received = ::recv(fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (received < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    if (received == 0) return false;
    has_spoken = bytes[static_cast<std::size_t>(received) - 1] == '\n';
  }
  return true;
}

// They are looked at in turns and not watched: there are few, for a moment, and none waits for anything.
void RefusedClients::look_later() {
  is_timer_set_ = true;
  timer_.expires_after(interval);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    self->is_timer_set_ = false;
    if (error) return;
    self->look();
    if (!self->clients_.empty()) self->look_later();
  });
}

void RefusedClients::look() {
  const auto now = std::chrono::steady_clock::now();
  const bool is_crowded = share_.is_crowded();
  std::erase_if(clients_, [&](Client& client) {
    if (!client.listen()) return true;
    return now - client.since >= patience ||
           (is_crowded && (client.has_spoken || now - client.since >= short_patience));
  });
}

bool RefusedClients::drop_oldest() {
  if (clients_.empty()) return false;
  clients_.front().listen();
  clients_.erase(clients_.begin());
  return true;
}

void RefusedClients::close() {
  timer_.cancel();
  clients_.clear();
}

}  // namespace lonc::net
