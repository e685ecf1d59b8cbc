// One local client: passes its lines to the peer session, one at a time, and writes the answers. Decides nothing. It is
// not a coroutine: an idle client is this object and nothing else, and for a client that connects, asks and leaves,
// coroutine frames would cost more than everything else done here.
#pragma once

#include "net/socket/line_socket.hpp"
#include "net/socket/socket_watch.hpp"
#include "net/socket/turn.hpp"

#include <lonc/core/base/types.hpp>
#include <lonc/net/client/client_limit.hpp>
#include <lonc/net/socket/executor.hpp>
#include <lonc/os/unique_fd.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string_view>
#include <system_error>

namespace lonc::net {

// Used on its strand only. The caller of a member must keep the object alive until the call returns: the handler may
// release it during the call.
class ClientSession : public std::enable_shared_from_this<ClientSession>, public Turn::Waiter {
 public:
  // Each line must be followed, during the call or later, by one reply() or close().
  struct Handler {
    virtual ~Handler() = default;
    virtual void client_line(core::ClientId client, std::string_view line) = 0;
    virtual void client_line_too_long(core::ClientId client) = 0;
    // There is no memory for the line (see ClientLimit); it has been dropped.
    virtual void client_line_refused(core::ClientId client) = 0;
    // The answer to its line has been written, as far as possible.
    virtual void client_answered(core::ClientId client) = 0;
    // The client closed its end, perhaps before its answer (`was_waiting`), or was closed for being too slow. Not
    // called after close(), nor from within another of these calls.
    virtual void client_gone(core::ClientId client, bool was_waiting) = 0;
    // An exception, possibly from one of the calls above, ended the session at a point where there is no caller to
    // catch it.
    virtual void client_failed(std::exception_ptr failure) = 0;
  };

  // What all clients of a peer share. All of it must outlive close().
  struct Shared {
    const Strand& strand;
    Turn& turn;
    SocketWatch& watch;  // its socket_ready() must be forwarded to ready()
    Handler& handler;
    const std::uint32_t& events;  // counts the events at the peer; may overflow
    const core::TimePoint& time;  // now, at most a fraction of a second late: reading a clock would cost more
  };

  struct Limits {
    std::size_t line_length;
    core::Duration write_timeout;  // a client that accepts none of its reply for this long is closed
    core::Duration line_timeout = std::chrono::minutes{1};  // and so is one whose line does not grow for this long
  };

  ClientSession(const Shared& shared, core::ClientId id, os::UniqueFd fd, ClientLimit::Slot slot, const Limits& limits);

  void start() { read_lines(); }
  // Reports from the watch, which knows this client by the number of its id.
  void ready(SocketWatch::News news) noexcept;
  // Call this regularly: a client that has waited for its answer since the last call is watched from now on, so that
  // its leaving is noticed.
  void look_after();
  void turn_has_come() noexcept override;

  void reply(std::string_view line);
  // The client sees an end of file after what has been written. The handler is no longer called.
  void close();

  core::ClientId id() const { return id_; }
  // Since when it has been between two lines, with no partial line and no answer due; `never` if it is not. Uses the
  // time that all clients of the peer share.
  core::TimePoint idle_since() const {
    return step_ == Step::idle && !socket_.is_mid_line() ? idle_since_ : core::never;
  }
  // Like close(), but returns false and does nothing if the client is not idle or has already sent more.
  bool close_if_idle();
  // A line was passed to the handler and its reply is not fully written.
  bool is_busy() const { return step_ == Step::asking || step_ == Step::answered || step_ == Step::writing; }

 private:
  enum class Step : unsigned char {
    reading,  // looks for a line, now or in its next turn
    idle,  // the watch will report more input
    asking,  // the handler has a line
    answered,  // the reply has been passed to the socket; continues at once or in the next turn
    writing,  // the client must accept some of the reply first; the watch will report that
    ended,
  };

  template <typename Action>
  void guarded(Action action) noexcept;
  void go_on() {
    if (step_ == Step::answered && !finish_answer()) return;
    if (step_ == Step::reading) read_lines();
  }
  void read_lines();
  LineSocket::ReadResult next_line();
  bool is_affordable(const LineSocket::ReadResult& read);
  void give_line(const LineSocket::ReadResult& read, bool is_refused);
  bool finish_answer();
  void write_rest();
  void wait_for_more();
  void put_off() { shared_.turn.add(shared_from_this()); }
  std::error_code try_to_watch(SocketWatch::Interest interest);
  void watch(SocketWatch::Interest interest) {
    if (try_to_watch(interest)) look_again_later();
  }
  void look_again_later();
  void end();
  void end_in(core::Duration time);

  const Shared& shared_;
  Handler* handler_;  // null after close()
  core::ClientId id_;
  ClientLimit::Slot slot_;
  LineSocket socket_;
  core::Duration line_patience_;
  core::Duration patience_;  // with a client that accepts nothing
  std::unique_ptr<Timer> timer_;  // most clients never need one
  std::unique_ptr<Timer> retry_;  // only if the watch has failed
  core::TimePoint end_at_ = core::never;  // when the client is closed for being too slow
  core::TimePoint idle_since_;  // when it connected or had its last answer
  Step step_ = Step::reading;
  std::uint32_t seen_events_ = 0;  // as of the last look
  unsigned char looks_ = 0;  // since the last line
  bool is_giving_ = false;  // the handler is being called with a line
  bool is_broken_ = false;  // the reply could not be written
  bool is_watched_ = false;
  bool has_news_ = false;  // reported by the watch, and nothing received since
  bool may_have_ended_ = false;
  bool is_gone_ = false;
  bool was_looked_after_ = false;  // since the last line
};

}  // namespace lonc::net
