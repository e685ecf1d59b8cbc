// One local client: gives its lines to the peer session, one at a time, and writes the answers. Decides nothing.
// It is no coroutine: an idle client is this object and nothing else, and the frames of one that comes, asks and goes
// would cost more than all else that is done here.
#pragma once

#include <lonc/core/types.hpp>
#include <lonc/net/client_limit.hpp>
#include <lonc/net/executor.hpp>
#include <lonc/net/line_socket.hpp>
#include <lonc/net/socket_watch.hpp>
#include <lonc/net/turn.hpp>
#include <lonc/net/unique_fd.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string_view>
#include <system_error>

namespace lonc::net {

// Used on its strand only. Whoever calls a member holds it until that returns: the handler may let go of it within.
class ClientSession : public std::enable_shared_from_this<ClientSession>, public Turn::Waiter {
 public:
  // Each line must be followed, during the call or later, by one reply() or close().
  struct Handler {
    virtual ~Handler() = default;
    virtual void client_line(core::ClientId client, std::string_view line) = 0;
    virtual void client_line_too_long(core::ClientId client) = 0;
    // There is no memory for the line (ClientLimit); it is gone.
    virtual void client_line_refused(core::ClientId client) = 0;
    // The answer to its line has been written, as far as it could be.
    virtual void client_answered(core::ClientId client) = 0;
    // It closed its end, perhaps before its answer (`was_waiting`), or was closed for being slow. Not called after
    // close(), nor from within another of these calls.
    virtual void client_gone(core::ClientId client, bool was_waiting) = 0;
    // An exception, also one of the calls above, ended the session: where no caller is there to get it.
    virtual void client_failed(std::exception_ptr failure) = 0;
  };

  // What all clients of a peer have in common. All of it must outlive close().
  struct Shared {
    const Strand& strand;
    Turn& turn;
    SocketWatch& watch;  // its socket_ready() is to be passed on to ready()
    Handler& handler;
    const std::uint32_t& events;  // the number of things that have gone on at the peer; may overflow
  };

  struct Limits {
    std::size_t line_length;
    core::Duration write_timeout;  // a client that takes nothing of its reply for so long is closed
    core::Duration line_timeout = std::chrono::minutes{1};  // and so is one whose line does not grow for so long
  };

  ClientSession(const Shared& shared, core::ClientId id, UniqueFd fd, ClientLimit::Slot slot, const Limits& limits);

  void start();
  // What the watch tells; the number is that of the id.
  void ready(SocketWatch::News news) noexcept;
  // To be called now and then: one that has waited for its answer since the last call is watched from now on, so that
  // it is noticed if it leaves.
  void look_after();
  void turn_has_come() noexcept override;

  void reply(std::string_view line);
  // The client sees an end of file after what has been written. The handler is not called any more.
  void close();

  core::ClientId id() const { return id_; }
  // A line was given to the handler and its reply is not fully written.
  bool is_busy() const { return step_ == Step::asking || step_ == Step::answered || step_ == Step::writing; }

 private:
  enum class Step : unsigned char {
    reading,  // looks for a line, now or when its turn has come
    idle,  // the watch will tell when there is more to read
    asking,  // the handler has a line
    answered,  // the reply has been handed to the socket; goes on in the next turn
    writing,  // the client must take some of the reply first; the watch will tell
    ended,
  };

  template <typename Action>
  void guarded(Action action) noexcept;
  void go_on();
  void read_lines();
  LineSocket::ReadResult next_line();
  bool is_affordable(const LineSocket::ReadResult& read);
  bool hold(std::size_t bytes);
  void give_line(const LineSocket::ReadResult& read, bool is_refused);
  bool finish_answer();
  void write_rest();
  void wait_for_more();
  void put_off();
  std::error_code try_to_watch(SocketWatch::Interest interest);
  void watch(SocketWatch::Interest interest);
  void look_again_later();
  void end();
  void end_in(core::Duration time);

  const Shared& shared_;
  Handler* handler_;  // none after close()
  core::ClientId id_;
  ClientLimit::Slot slot_;
  LineSocket socket_;
  core::Duration line_patience_;
  core::Duration patience_;  // with one that takes nothing
  std::unique_ptr<Timer> timer_;  // most clients never need one
  std::unique_ptr<Timer> retry_;  // only where the watch has failed
  core::TimePoint end_at_ = core::never;  // then the client is closed for being slow
  Step step_ = Step::reading;
  std::uint32_t seen_events_ = 0;  // as of the last look
  unsigned char looks_ = 0;  // since the last line
  bool is_giving_ = false;  // the handler is being called with a line
  bool is_broken_ = false;  // the reply could not be written
  bool is_watched_ = false;
  bool has_news_ = false;  // told by the watch, and not received since
  bool may_have_ended_ = false;
  bool is_gone_ = false;
  bool was_looked_after_ = false;  // since the last line
};

}  // namespace lonc::net
