#include "net/client/client_session.hpp"

#include <utility>

namespace lonc::net {

namespace {

constexpr unsigned lines_per_turn = 16;  // then others on the loop get a turn
constexpr unsigned most_looks = 16;        // then a silent client is watched in any case
constexpr std::chrono::milliseconds unwatched_pause{100};

}  // namespace

ClientSession::ClientSession(const Shared& shared, core::ClientId id, os::UniqueFd fd, ClientLimit::Slot slot,
                             const Limits& limits)
    : shared_(shared),
      handler_(&shared.handler),
      id_(id),
      slot_(std::move(slot)),
      socket_(shared.strand, std::move(fd), limits.line_length),
      line_patience_(limits.line_timeout),
      patience_(limits.write_timeout),
      idle_since_(shared.time) {}

// When called by the loop, there is no caller who could handle an exception.
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

// Reads until a line has to wait for its answer, or there is no line.
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

// Saves a useless receive from a watched client: input that arrives after a receive took everything available is
// reported by the watch.
LineSocket::ReadResult ClientSession::next_line() {
  if (is_watched_ && !has_news_ && !may_have_ended_ && socket_.is_drained()) return {LineSocket::Read::would_block};
  // Only if no received bytes are left to hand out is it certain that this receives.
  if (!socket_.has_bytes()) has_news_ = false;
  return socket_.try_read_line();
}

// A client that needs more memory than is left does not get it: what it has sent so far is discarded, and so is the
// rest of that line.
bool ClientSession::is_affordable(const LineSocket::ReadResult& read) {
  if (slot_.memory().hold(socket_.memory())) return true;
  if (read.kind == LineSocket::Read::would_block || read.kind == LineSocket::Read::more) socket_.pass_over_line();
  return read.kind == LineSocket::Read::too_long;
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
  // The handler keeps the line while it waits or is in flight; its memory stays counted.
  if (step_ == Step::asking && slot_.memory().held() != 0) socket_.release_idle_buffers();
}

// The handler is in the middle of other work when it calls this, so it is called for this client in the next turn.
void ClientSession::reply(std::string_view line) {
  if (step_ != Step::asking) return;
  if (!is_broken_ && socket_.send_line(line)) is_broken_ = true;
  step_ = Step::answered;
  if (!is_giving_) put_off();
}

// False if the answer is not finished: the client must accept some of it first, or has been closed.
bool ClientSession::finish_answer() {
  if (socket_.has_unsent() && !is_broken_) {
    if (!slot_.memory().hold(socket_.unsent())) {
      end();
      return false;
    }
    step_ = Step::writing;
    end_in(patience_);
    watch(SocketWatch::Interest::reading_and_writing);
    return false;
  }
  step_ = Step::reading;
  idle_since_ = shared_.time;
  slot_.memory().hold(0);
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
  if (slot_.memory().held() != 0) slot_.memory().hold(socket_.memory());
  if (socket_.is_mid_line()) end_in(line_patience_);
  // Most clients ask as soon as they have connected and close as soon as they have been answered. So a client is
  // checked again in the following turns, as long as there are any, and need not be watched for that.
  if (!is_watched_ && looks_ != most_looks && std::exchange(seen_events_, shared_.events) != shared_.events) {
    ++looks_;
    return put_off();
  }
  step_ = Step::idle;
  if (!is_watched_) watch(SocketWatch::Interest::reading);
}

bool ClientSession::close_if_idle() {
  if (idle_since() == core::never || socket_.check_quiet()) return false;
  close();
  return true;
}

// Most clients are answered so soon that watching them in the meantime would cost more than everything else.
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

// No descriptor is available for the watch just now. A client closed for that would get SIGPIPE.
void ClientSession::look_again_later() {
  if (!retry_) retry_ = std::make_unique<Timer>(shared_.strand);
  retry_->expires_after(unwatched_pause);
  retry_->async_wait(if_alive(weak_from_this(), [](ClientSession& self) { self.ready(SocketWatch::News::ended); }));
}

void ClientSession::end() {
  if (handler_ != nullptr) std::exchange(handler_, nullptr)->client_gone(id_, step_ == Step::asking);
  close();
}

// The timer keeps running when it is no longer needed; end_at_ shows whether it still applies.
void ClientSession::end_in(core::Duration time) {
  end_at_ = std::chrono::steady_clock::now() + time;
  if (!timer_) timer_ = std::make_unique<Timer>(shared_.strand);
  timer_->expires_at(end_at_);
  timer_->async_wait(if_alive(weak_from_this(), [](ClientSession& self) {
    if (std::chrono::steady_clock::now() < self.end_at_) return;
    self.guarded([&] {
      if (self.step_ != Step::writing) self.is_broken_ = bool(self.socket_.send_line("con_lost"));
      self.end();
    });
  }));
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
