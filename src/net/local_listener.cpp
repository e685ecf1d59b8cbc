#include <lonc/net/local_listener.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace lonc::net {

namespace {

constexpr int batch_size = 64;                     // then others on the loop have their turn
constexpr std::chrono::milliseconds pause_time{50};  // after a failure that accepting again would only repeat
constexpr std::chrono::hours report_interval{1};
constexpr int most_waiting = 65'536;               // no kernel holds so many; ends the loop whatever happens

bool is_passing(const std::error_code& error) {
  return error.value() == ECONNABORTED || error.value() == EINTR || error.value() == EPROTO;
}

bool is_out_of_descriptors(const std::error_code& error) { return error.value() == EMFILE || error.value() == ENFILE; }

}  // namespace

// Reading first matters: a client that finds us closed while it writes gets SIGPIPE. It has connected to ask, so what it
// has not written yet it writes at once; whoever writes without end is not heard out.
void refuse_client(UniqueFd fd) {
  constexpr std::string_view answer = "con_lost\n";
  constexpr int longest_wait = 5;  // ms: nobody else is served meanwhile
  constexpr int most_reads = 64;
  std::array<char, 4096> line{};
  pollfd readable{.fd = fd.get(), .events = POLLIN, .revents = 0};
  ::poll(&readable, 1, longest_wait);
  for (int reads = 0; reads != most_reads; ++reads) {
    if (::recv(fd.get(), line.data(), line.size(), MSG_DONTWAIT) != static_cast<ssize_t>(line.size())) break;
  }
  [[maybe_unused]] const ssize_t sent = ::send(fd.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

LocalListener::LocalListener(Strand strand, const std::string& path, unsigned mode, const std::string& group,
                             ClientLimit& limit)
    : strand_(std::move(strand)), socket_(path, mode, group), limit_(limit), share_(limit), pause_(strand_) {}

Task<void> LocalListener::run(Handler& handler) {
  const auto self = shared_from_this();
  if (socket_.fd() < 0) co_return;
  handler_ = &handler;
  watched_.emplace(strand_, socket_.fd());
  boost::system::error_code error;
  while (handler_ != nullptr) {
    const Batch batch = accept_batch();
    if (handler_ == nullptr) co_return;
    if (batch == Batch::more) {
      co_await boost::asio::post(strand_, use_awaitable);
      continue;
    }
    if (batch == Batch::drained) {
      co_await watched_->async_wait(boost::asio::posix::descriptor_base::wait_read,
                                    boost::asio::redirect_error(use_awaitable, error));
      // It is told to stop waiting when the socket has been made anew.
      if (!error || error == boost::asio::error::operation_aborted) continue;
      report(error);
    }
    pause_.expires_after(pause_time);
    co_await pause_.async_wait(boost::asio::redirect_error(use_awaitable, error));
  }
}

LocalListener::Batch LocalListener::accept_batch() {
  std::error_code error;
  for (int i = 0; i != batch_size && handler_ != nullptr; ++i) {
    if (accept_one(socket_.fd(), error)) continue;
    if (error.value() == EAGAIN || error.value() == EWOULDBLOCK) return Batch::drained;
    report(error);
    return Batch::blocked;
  }
  return Batch::more;
}

// False with `error` when it makes no sense to try again at once.
bool LocalListener::accept_one(int listening, std::error_code& error) {
  UniqueFd fd = accept_at(listening, error);
  if (is_out_of_descriptors(error)) return refuse_one(listening, error);
  if (!fd) return is_passing(error);
  auto slot = share_.admit();
  if (slot && handler_ != nullptr) {
    if (slot->is_refused() && is_to_be_told(reported_refusal_)) handler_->client_refused(slot->place());
    handler_->client_connected(std::move(fd), std::move(*slot));
  } else {
    refuse_client(std::move(fd));
  }
  return true;
}

// The system says that it is out of descriptors before it looks whether anybody is there.
bool LocalListener::refuse_one(int listening, std::error_code& error) {
  const std::error_code why = error;
  const bool was_there = limit_.spare().lend([&] {
    UniqueFd fd = accept_at(listening, error);
    if (!fd) return false;
    refuse_client(std::move(fd));
    return true;
  });
  if (was_there) report(why);
  return was_there;
}

bool LocalListener::is_to_be_told(std::optional<std::chrono::steady_clock::time_point>& last) const {
  const auto now = std::chrono::steady_clock::now();
  if (handler_ == nullptr || (last && now - *last < report_interval)) return false;
  last = now;
  return true;
}

void LocalListener::report(std::error_code error) {
  if (is_to_be_told(reported_)) handler_->accept_failed(error);
}

SocketLook LocalListener::look_after() {
  if (handler_ == nullptr || !watched_) return {};
  UniqueFd old;
  try {
    old = socket_.renew();
  } catch (const std::system_error& error) {
    return {.is_new = false, .trouble = error.what()};
  }
  if (!old) return {};
  watched_->release();
  watched_->assign(socket_.fd());
  accept_all(old.get());
  return {.is_new = true, .trouble = {}};
}

void LocalListener::stop() {
  if (socket_.fd() < 0) return;
  socket_.remove();
  socket_.refuse_more();
  accept_all(socket_.fd());
  close();
}

// The handler may close everything meanwhile.
void LocalListener::accept_all(int listening) {
  std::error_code error;
  for (int i = 0; i != most_waiting && socket_.fd() >= 0 && accept_one(listening, error); ++i) {
  }
}

void LocalListener::close() {
  handler_ = nullptr;
  socket_.remove();
  if (watched_ && watched_->is_open()) watched_->release();
  socket_.close();
  pause_.cancel();
}

}  // namespace lonc::net
