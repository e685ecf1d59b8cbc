// The part of Spooler::Impl that runs on its strand: what inotify tells, and the timer of the maintenance. Touches no
// disk.
#include "spooler_impl.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <utility>

namespace lonc::net {

// That the directory was deleted is not told by its own watch as long as it is open here.
void Spooler::Impl::watch_parent() {
  const std::filesystem::path path(disk_.path());
  name_in_parent_ = path.filename();
  parent_watch_ = ::inotify_add_watch(events_.native_handle(), path.parent_path().c_str(),
                                      IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR);
}

void Spooler::Impl::read_events() {
  events_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                     [weak = weak_from_this()](const boost::system::error_code& error) {
                       const auto self = weak.lock();
                       if (error || !self || self->is_closed_) return;
                       self->take_events();
                       self->read_events();
                     });
}

void Spooler::Impl::take_events() {
  alignas(inotify_event) std::array<char, 64 * 1024> buffer{};
  const ssize_t size = ::read(events_.native_handle(), buffer.data(), buffer.size());
  std::vector<std::string> names;
  bool must_look = false;
  for (std::size_t at = 0; size > 0 && at < static_cast<std::size_t>(size);) {
    const auto* const event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
    at += sizeof(inotify_event) + event->len;
    if ((event->mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF)) != 0) must_look = true;
    if (event->wd == parent_watch_) {
      must_look |= event->len > 0 && event->name == name_in_parent_;
    } else if (event->len > 0) {
      names.emplace_back(event->name);
    }
  }
  if (!names.empty()) on_thread([this, names = std::move(names)] { appeared(names); });
  if (must_look) look_soon();
}

void Spooler::Impl::arm(core::Duration time) {
  const core::TimePoint at = std::chrono::steady_clock::now() + time;
  if (is_closed_ || at >= armed_until_) return;
  armed_until_ = at;
  timer_.expires_at(at);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->armed_until_ = core::never;
    self->post_maintenance();
  });
}

// The wish stands before the work is asked for: one that is queued already finds it as well.
void Spooler::Impl::look_soon() {
  is_look_wanted_ = true;
  post_maintenance();
}

// A disk that hangs is not asked again and again.
void Spooler::Impl::post_maintenance() {
  if (is_closed_ || is_maintenance_posted_.exchange(true)) return;
  on_thread([this] { maintain(); });
}

}  // namespace lonc::net
