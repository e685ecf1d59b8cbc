#include <lonc/net/client_session.hpp>

#include <utility>

namespace lonc::net {

namespace {

constexpr unsigned lines_per_turn = 16;  // then others on the loop have their turn
constexpr unsigned looks_before_watching = 1;

}  // namespace

ClientSession::ClientSession(Strand strand, std::shared_ptr<Turn> turn, core::ClientId id, UniqueFd fd,
                             ClientLimit::Slot slot, const Limits& limits, Handler& handler)
    : strand_(std::move(strand)),
      turn_(std::move(turn)),
      id_(id),
      slot_(std::move(slot)),
      socket_(strand_, std::move(fd), limits.line_length),
      limits_(limits),
      handler_(&handler),
      answered_(strand_, turn_) {}

Task<void> ClientSession::run() {
  const auto self = shared_from_this();
  if (slot_.is_refused()) end_in(limits_.refused_timeout);
  unsigned lines = 0;
  unsigned looks = 0;
  while (handler_ != nullptr) {
    const LineSocket::ReadResult read = socket_.try_read_line();
    if (read.kind == LineSocket::Read::would_block) {
      if (is_broken_) break;
      lines = 0;
      // Most clients close as soon as they have been answered: one that is looked at again a turn later never has to be
      // made known to the reactor.
      if (!socket_.is_watched() && looks++ < looks_before_watching) {
        co_await turn_->next();
        continue;
      }
      const std::error_code error = co_await socket_.wait_readable();
      if (error) break;
      continue;
    }
    if (read.kind == LineSocket::Read::end || read.kind == LineSocket::Read::failed) break;
    if (slot_.is_refused()) {
      refuse();
      break;
    }
    is_busy_ = true;
    looks = 0;
    give_line(read);
    if (!answered_.take()) co_await answered_.wait();
    if (handler_ != nullptr && socket_.has_unsent() && !is_broken_) co_await write_rest();
    is_busy_ = false;
    if (handler_ != nullptr) handler_->client_answered(id_);
    if (++lines % lines_per_turn == 0) co_await turn_->next();
  }
  if (handler_ != nullptr) std::exchange(handler_, nullptr)->client_gone(id_);
  socket_.close();
}

void ClientSession::give_line(const LineSocket::ReadResult& read) {
  if (read.kind == LineSocket::Read::too_long) {
    handler_->client_line_too_long(id_);
  } else {
    handler_->client_line(id_, read.text);
  }
}

void ClientSession::refuse() {
  // Best effort: the client is closed next, whatever came of it.
  [[maybe_unused]] const auto error = socket_.send_line("con_lost");
}

void ClientSession::reply(std::string_view line) {
  if (!is_busy_ || handler_ == nullptr) return;
  // The client has left, but what it said as whole lines is still carried out.
  if (!is_broken_ && socket_.send_line(line)) is_broken_ = true;
  answered_.notify();
}

Task<void> ClientSession::write_rest() {
  while (handler_ != nullptr && socket_.has_unsent() && !is_broken_) {
    end_in(limits_.write_timeout);
    std::error_code error = co_await socket_.wait_writable();  // g++ 12 miscompiles an `if` with this in it
    if (!error) error = socket_.flush();
    if (error) is_broken_ = true;
  }
  end_at_.reset();
}

// The timer is left to run out when it is not needed any more; end_at_ tells.
void ClientSession::end_in(core::Duration time) {
  end_at_ = std::chrono::steady_clock::now() + time;
  if (!timer_) timer_.emplace(strand_);
  timer_->expires_at(*end_at_);
  timer_->async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self || !self->end_at_ || std::chrono::steady_clock::now() < *self->end_at_) return;
    self->is_broken_ = true;
    self->socket_.close();
  });
}

void ClientSession::close() {
  handler_ = nullptr;
  end_at_.reset();
  if (timer_) timer_->cancel();
  socket_.close();
  answered_.notify();
}

}  // namespace lonc::net
