#include "net/client/local_listener.hpp"

#include <lonc/core/base/types.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace lonc::net {

namespace {

constexpr int batch_size = 64;                     // then others on the loop get a turn
constexpr std::chrono::milliseconds pause_time{50};  // after a failure that an immediate retry would only repeat
constexpr std::chrono::milliseconds crowded_time{10};  // by then some refused clients may have left
constexpr std::chrono::hours report_interval{1};
constexpr int most_waiting = 65'536;               // more than any kernel queues; ends the loop in any case

bool is_passing(const std::error_code& error) {
  return error.value() == ECONNABORTED || error.value() == EINTR || error.value() == EPROTO;
}

bool is_out_of_descriptors(const std::error_code& error) { return error.value() == EMFILE || error.value() == ENFILE; }

// --- clients for which there is no place

constexpr std::string_view con_lost = "con_lost\n";
constexpr std::chrono::seconds refused_patience{5};
// When others wait for places: for a client that has not sent its line yet; one that has sent it has its answer.
constexpr std::chrono::milliseconds short_patience{250};
constexpr std::chrono::milliseconds look_interval{10};
constexpr int reads_at_once = 16;  // from one client; then others get a turn
constexpr std::size_t answers_at_once = 64;

std::string_view answers() {
  static const std::string text = [] {
    std::string repeated;
    for (std::size_t i = 0; i != answers_at_once; ++i) repeated += con_lost;
    return repeated;
  }();
  return text;
}

bool is_only_later(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

class RefusedClient {
 public:
  RefusedClient(os::UniqueFd fd, ClientLimit::Slot slot) : slot_(std::move(slot)), fd_(std::move(fd)) {}

  // False if the client has left.
  bool serve() { return listen() && answer() && !(has_ended_ && owed_ == 0); }
  // Everything it has sent is answered.
  bool is_done() const { return has_spoken_ && is_quiet_ && owed_ == 0; }
  core::Duration age() const { return std::chrono::steady_clock::now() - since_; }
  // A client that reads until the end of file need not wait for it, and may still write.
  void end_answers() {
    if (!std::exchange(is_told_end_, true)) ::shutdown(fd_.get(), SHUT_WR);
  }

 private:
  // Reads the input to its end, since closing with unread data would reset the connection.
  bool listen() {
    // Only what was received is read.
    std::array<char, 16 * 1024> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    is_quiet_ = true;
    for (int reads = 0; reads != reads_at_once && !has_ended_; ++reads) {
      const ssize_t received = ::recv(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (received < 0) return is_only_later(errno);
      has_ended_ = received == 0;
      if (!has_ended_) heard({bytes.data(), static_cast<std::size_t>(received)});
    }
    return true;
  }

  void heard(std::string_view bytes) {
    auto lines = static_cast<std::size_t>(std::ranges::count(bytes, '\n'));
    if (lines != 0 && std::exchange(is_ahead_, false)) --lines;
    if (!is_told_end_) owed_ += lines * con_lost.size();
    has_spoken_ = bytes.back() == '\n';
    is_quiet_ = false;
  }

  // Sends as much as the socket accepts. False if nobody is there to read it.
  bool answer() {
    while (owed_ != 0) {
      const std::size_t sent_of_one = (con_lost.size() - owed_ % con_lost.size()) % con_lost.size();
      const auto text = answers().substr(sent_of_one, owed_);
      const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) return is_only_later(errno);
      owed_ -= static_cast<std::size_t>(sent);
    }
    return true;
  }

  ClientLimit::Slot slot_;  // released after the descriptor has been closed
  os::UniqueFd fd_;
  core::TimePoint since_ = std::chrono::steady_clock::now();
  std::size_t owed_ = con_lost.size();  // bytes of answers still to be sent
  bool is_ahead_ = true;  // its first line has been answered but has not arrived yet
  bool has_spoken_ = false;  // its latest line is complete
  bool is_quiet_ = false;    // nothing arrived at the latest look
  bool has_ended_ = false;   // it has closed its sending end
  bool is_told_end_ = false;  // it gets no further answer
};

}  // namespace

// Local clients for which there is no place. Each line is answered with con_lost, the first one before it has arrived.
// A client is kept until it leaves or its time is up, since a client that finds its socket closed while it is still
// writing is killed by SIGPIPE. Its input is read and discarded, so that a client takes no more than its descriptor.
// Used on its strand only.
class RefusedClients : public std::enable_shared_from_this<RefusedClients> {
 public:
  RefusedClients(const Strand& strand, ClientLimit::Share share) : share_(std::move(share)), timer_(strand) {}

  void add(os::UniqueFd fd, ClientLimit::Slot slot) {
    clients_.emplace_back(std::move(fd), std::move(slot));
    if (!clients_.back().serve()) clients_.pop_back();
    if (!is_timer_set_) look_later();
  }

  // Closes the client that has waited longest, to make room. False if there is none.
  bool drop_oldest() {
    if (clients_.empty()) return false;
    clients_.front().serve();
    clients_.erase(clients_.begin());
    return true;
  }

  void close() {
    timer_.cancel();
    clients_.clear();
  }

 private:
  // Clients are polled and not watched: there are only a few, for a short time, and none of them waits for anything.
  void look_later() {
    is_timer_set_ = true;
    timer_.expires_after(look_interval);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      self->is_timer_set_ = false;
      if (error) return;
      self->look();
      if (!self->clients_.empty()) self->look_later();
    });
  }

  void look() {
    const bool is_crowded = share_.is_crowded();
    std::erase_if(clients_, [&](RefusedClient& client) {
      if (!client.serve()) return true;
      if (client.is_done()) client.end_answers();
      return client.age() >= refused_patience || (is_crowded && (client.is_done() || client.age() >= short_patience));
    });
  }

  ClientLimit::Share share_;
  std::vector<RefusedClient> clients_;
  Timer timer_;
  bool is_timer_set_ = false;
};

LocalListener::LocalListener(Strand strand, const std::string& path, unsigned mode, const std::string& group,
                             ClientLimit::Share share)
    : strand_(std::move(strand)),
      socket_(path, mode, group),
      share_(std::move(share)),
      refused_(std::make_shared<RefusedClients>(strand_, share_)),
      pause_(strand_) {}

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
      // The wait is cancelled when the socket has been created again.
      if (!error || error == boost::asio::error::operation_aborted) continue;
      report(error);
    }
    pause_.expires_after(batch == Batch::crowded ? crowded_time : pause_time);
    co_await pause_.async_wait(boost::asio::redirect_error(use_awaitable, error));
  }
}

LocalListener::Batch LocalListener::accept_batch() {
  std::error_code error;
  for (int i = 0; i != batch_size && handler_ != nullptr; ++i) {
    if (!share_.can_refuse_more()) return Batch::crowded;
    if (accept_one(socket_.fd(), error)) continue;
    if (error.value() == EAGAIN || error.value() == EWOULDBLOCK) return Batch::drained;
    report(error);
    return is_out_of_descriptors(error) ? Batch::crowded : Batch::blocked;
  }
  return Batch::more;
}

// False, with `error` set, if it makes no sense to try again at once.
bool LocalListener::accept_one(int listening, std::error_code& error) {
  os::UniqueFd fd = os::accept_at(listening, error);
  if (is_out_of_descriptors(error)) return refuse_one(listening, error);
  if (!fd) return is_passing(error);
  auto slot = share_.admit();
  if (slot.is_refused() || handler_ == nullptr) {
    refuse(std::move(fd), std::move(slot));
  } else {
    handler_->client_connected(std::move(fd), std::move(slot));
  }
  return true;
}

// The system reports a lack of descriptors before it checks whether anybody is waiting.
bool LocalListener::refuse_one(int listening, std::error_code& error) {
  auto slot = share_.admit_without_descriptor();
  if (!slot) return false;
  const std::error_code why = error;
  os::UniqueFd fd = os::accept_at(listening, error);
  if (!fd) return is_passing(error);
  report(why);
  refuse(std::move(fd), std::move(*slot));
  return true;
}

void LocalListener::refuse(os::UniqueFd fd, ClientLimit::Slot slot) {
  const bool is_for_places = slot.is_refused() && slot.place() != ClientLimit::Place::no_descriptor;
  if (is_for_places && is_to_be_told(reported_refusal_)) handler_->client_refused(slot.place());
  refused_->add(std::move(fd), std::move(slot));
}

bool LocalListener::is_to_be_told(std::optional<std::chrono::steady_clock::time_point>& last) const {
  const auto now = std::chrono::steady_clock::now();
  if (handler_ == nullptr || (last && now - *last < report_interval)) return false;
  last = now;
  return true;
}

os::SocketLook LocalListener::look_after() {
  if (handler_ == nullptr || !watched_) return {};
  os::UniqueFd old;
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
  close_socket();
}

// The handler may close everything in the meantime.
void LocalListener::accept_all(int listening) {
  std::error_code error;
  for (int i = 0; i != most_waiting && socket_.fd() >= 0; ++i) {
    if (accept_one(listening, error)) continue;
    if (!is_out_of_descriptors(error) || !refused_->drop_oldest()) return;
  }
}

void LocalListener::close() {
  close_socket();
  refused_->close();
}

void LocalListener::close_socket() {
  handler_ = nullptr;
  socket_.remove();
  if (watched_ && watched_->is_open()) watched_->release();
  socket_.close();
  pause_.cancel();
}

}  // namespace lonc::net
