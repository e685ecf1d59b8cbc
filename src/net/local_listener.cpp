#include <lonc/net/local_listener.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include <cerrno>
#include <utility>

namespace lonc::net {

namespace {

constexpr int batch_size = 64;                     // then others on the loop have their turn
constexpr std::chrono::milliseconds pause_time{50};  // after a failure that accepting again would only repeat
constexpr std::chrono::milliseconds crowded_time{10};  // after that some of those who were refused may have left
constexpr std::chrono::hours report_interval{1};
constexpr int most_waiting = 65'536;               // no kernel holds so many; ends the loop whatever happens

bool is_passing(const std::error_code& error) {
  return error.value() == ECONNABORTED || error.value() == EINTR || error.value() == EPROTO;
}

bool is_out_of_descriptors(const std::error_code& error) { return error.value() == EMFILE || error.value() == ENFILE; }

}  // namespace

LocalListener::LocalListener(Strand strand, const std::string& path, unsigned mode, const std::string& group,
                             const ClientLimit& limit)
    : strand_(std::move(strand)),
      socket_(path, mode, group),
      share_(limit),
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
      // It is told to stop waiting when the socket has been made anew.
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

// False with `error` when it makes no sense to try again at once.
bool LocalListener::accept_one(int listening, std::error_code& error) {
  UniqueFd fd = accept_at(listening, error);
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

// The system says that it is out of descriptors before it looks whether anybody is there.
bool LocalListener::refuse_one(int listening, std::error_code& error) {
  auto slot = share_.admit_without_descriptor();
  if (!slot) return false;
  const std::error_code why = error;
  UniqueFd fd = accept_at(listening, error);
  if (!fd) return is_passing(error);
  report(why);
  refuse(std::move(fd), std::move(*slot));
  return true;
}

void LocalListener::refuse(UniqueFd fd, ClientLimit::Slot slot) {
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
  close_socket();
}

// The handler may close everything meanwhile.
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
