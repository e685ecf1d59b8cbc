#include <lonc/net/client_session.hpp>

#include <utility>

namespace lonc::net {

namespace {

constexpr unsigned lines_per_turn = 16;  // then others on the loop have their turn
constexpr std::size_t least_counted = 20 * 1024;  // bytes: what is common is bounded by the number of clients
constexpr unsigned most_looks = 16;        // then a client that says nothing is watched whatever goes on
constexpr std::chrono::milliseconds unwatched_pause{100};

}  // namespace

ClientSession::ClientSession(const Shared& shared, core::ClientId id, UniqueFd fd, ClientLimit::Slot slot,
                             const Limits& limits)
    : shared_(shared),
      handler_(&shared.handler),
      id_(id),
      slot_(std::move(slot)),
      socket_(shared.strand, std::move(fd), limits.line_length),
      line_patience_(limits.line_timeout),
      patience_(limits.write_timeout) {}

void ClientSession::start() { read_lines(); }

// Where the loop calls there is no caller who could handle an exception.
template <typename Action>
void ClientSession::guarded(Action action) noexcept {
  try {
    action();
  } catch (...) {
    if (handler_ != nullptr) std::exchange(handler_, nullptr)->client_failed(std::current_exception());
    close();
  }
}

void ClientSession::turn_has_come() noexcept {
  guarded([this] { go_on(); });
}

void ClientSession::ready(SocketWatch::News news) noexcept {
  has_news_ = true;
  may_have_ended_ = may_have_ended_ || news != SocketWatch::News::more;
  is_gone_ = is_gone_ || news == SocketWatch::News::gone;
  guarded([this] {
    if (is_gone_ && (step_ == Step::asking || step_ == Step::writing)) return end();
    if (step_ == Step::idle) {
      step_ = Step::reading;
      read_lines();
    } else if (step_ == Step::writing) {
      write_rest();
      go_on();
    }
  });
}

void ClientSession::go_on() {
  if (step_ == Step::answered && !finish_answer()) return;
  if (step_ == Step::reading) read_lines();
}

// Until a line has to wait for its answer, or there is none.
void ClientSession::read_lines() {
  for (unsigned lines = 0; lines != lines_per_turn; ++lines) {
    const LineSocket::ReadResult read = next_line();
    const bool is_refused = !is_affordable(read);
    switch (is_refused ? LineSocket::Read::line : read.kind) {
      case LineSocket::Read::would_block:
        return wait_for_more();
      case LineSocket::Read::more:
        return put_off();
      case LineSocket::Read::end:
      case LineSocket::Read::failed:
        return end();
      case LineSocket::Read::line:
      case LineSocket::Read::too_long:
        break;
    }
    give_line(read, is_refused);
    if (is_gone_ && step_ == Step::asking) return end();
    if (step_ != Step::answered || !finish_answer()) return;
  }
  put_off();
}

// A watched client is not asked in vain: what came after a receive that took all there was is told by the watch.
LineSocket::ReadResult ClientSession::next_line() {
  if (is_watched_ && !has_news_ && !may_have_ended_ && socket_.is_drained()) return {LineSocket::Read::would_block};
  // Only where there is nothing to be given first it is certain that this receives.
  if (!socket_.has_bytes()) has_news_ = false;
  return socket_.try_read_line();
}

// Whoever asks for more than is left does not get it: what it has said so far is forgotten, and what is still to come
// of that line as well.
bool ClientSession::is_affordable(const LineSocket::ReadResult& read) {
  if (hold(socket_.memory())) return true;
  if (read.kind == LineSocket::Read::would_block || read.kind == LineSocket::Read::more) socket_.pass_over_line();
  return read.kind == LineSocket::Read::too_long;
}

bool ClientSession::hold(std::size_t bytes) {
  const std::size_t counted = bytes < least_counted ? 0 : bytes;
  return counted == slot_.held() || slot_.hold(counted);
}

void ClientSession::give_line(const LineSocket::ReadResult& read, bool is_refused) {
  step_ = Step::asking;
  looks_ = 0;
  was_looked_after_ = false;
  is_giving_ = true;
  end_at_ = core::never;
  if (is_refused) {
    handler_->client_line_refused(id_);
  } else if (read.kind == LineSocket::Read::too_long) {
    handler_->client_line_too_long(id_);
  } else {
    handler_->client_line(id_, read.text);
  }
  is_giving_ = false;
  // What waits or is on its way lies with the handler; that it is held there stays counted.
  if (step_ == Step::asking && slot_.held() != 0) socket_.release_idle_buffers();
}

// The handler is in the midst of something: it hears of this client again in the next turn.
void ClientSession::reply(std::string_view line) {
  if (step_ != Step::asking) return;
  if (!is_broken_ && socket_.send_line(line)) is_broken_ = true;
  step_ = Step::answered;
  if (!is_giving_) put_off();
}

// False if it is not over with this: the client must take some of the answer first, or has been closed.
bool ClientSession::finish_answer() {
  if (socket_.has_unsent() && !is_broken_) {
    if (!hold(socket_.unsent())) {
      end();
      return false;
    }
    step_ = Step::writing;
    end_in(patience_);
    watch(SocketWatch::Interest::reading_and_writing);
    return false;
  }
  step_ = Step::reading;
  hold(0);
  handler_->client_answered(id_);
  return handler_ != nullptr;
}

void ClientSession::write_rest() {
  const std::size_t before = socket_.unsent();
  if (socket_.flush()) is_broken_ = true;
  if (socket_.has_unsent() && !is_broken_) {
    if (socket_.unsent() != before) end_in(patience_);
    if (!is_watched_) watch(SocketWatch::Interest::reading_and_writing);
    return;
  }
  end_at_ = core::never;
  step_ = Step::answered;
  if (is_watched_) watch(SocketWatch::Interest::reading);
}

void ClientSession::wait_for_more() {
  if (is_broken_) return end();
  socket_.release_idle_buffers();
  if (slot_.held() != 0) hold(socket_.memory());
  if (socket_.is_mid_line()) end_in(line_patience_);
  // Most clients ask as soon as they have come and close as soon as they have been answered. One that is looked at
  // again in the turns that follow, as long as there are any, need not be watched for that.
  if (!is_watched_ && looks_ != most_looks && std::exchange(seen_events_, shared_.events) != shared_.events) {
    ++looks_;
    return put_off();
  }
  step_ = Step::idle;
  if (!is_watched_) watch(SocketWatch::Interest::reading);
}

void ClientSession::put_off() { shared_.turn.add(shared_from_this()); }

// Most are answered so soon that watching them meanwhile would cost more than all else.
void ClientSession::look_after() {
  if (step_ != Step::asking || is_watched_) return;
  if (std::exchange(was_looked_after_, true)) try_to_watch(SocketWatch::Interest::reading);
}

std::error_code ClientSession::try_to_watch(SocketWatch::Interest interest) {
  const auto number = static_cast<std::uint64_t>(id_);
  const std::error_code error = is_watched_ ? shared_.watch.change(socket_.fd(), number, interest)
                                            : shared_.watch.add(socket_.fd(), number, interest);
  if (!error) is_watched_ = true;
  return error;
}

void ClientSession::watch(SocketWatch::Interest interest) {
  if (try_to_watch(interest)) look_again_later();
}

// There is no descriptor for the watch just now. A client that found itself closed for that would get SIGPIPE.
void ClientSession::look_again_later() {
  if (!retry_) retry_ = std::make_unique<Timer>(shared_.strand);
  retry_->expires_after(unwatched_pause);
  retry_->async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self) self->ready(SocketWatch::News::ended);
  });
}

void ClientSession::end() {
  if (handler_ != nullptr) std::exchange(handler_, nullptr)->client_gone(id_, step_ == Step::asking);
  close();
}

// The timer is left to run out when it is not needed any more; end_at_ tells.
void ClientSession::end_in(core::Duration time) {
  end_at_ = std::chrono::steady_clock::now() + time;
  if (!timer_) timer_ = std::make_unique<Timer>(shared_.strand);
  timer_->expires_at(end_at_);
  timer_->async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self || std::chrono::steady_clock::now() < self->end_at_) return;
    self->guarded([&] {
      if (self->step_ != Step::writing) self->is_broken_ = bool(self->socket_.send_line("con_lost"));
      self->end();
    });
  });
}

void ClientSession::close() {
  handler_ = nullptr;
  step_ = Step::ended;
  end_at_ = core::never;
  if (timer_) timer_->cancel();
  if (retry_) retry_->cancel();
  socket_.close();
  if (std::exchange(is_watched_, false)) shared_.watch.forget();
}

}  // namespace lonc::net
