#include <lonc/app/status_writer.hpp>

#include <lonc/app/status_render.hpp>

#include <boost/asio/post.hpp>

#include <chrono>
#include <exception>
#include <utility>

namespace lonc::app {

namespace {

constexpr std::chrono::seconds look_interval{60};

}  // namespace

StatusWriter::StatusWriter(const net::Strand& strand, Needs needs)
    : strand_(strand), needs_(std::move(needs)), timer_(strand) {}

void StatusWriter::write() {
  if (std::exchange(is_writing_, true)) {
    is_asked_again_ = true;
    return;
  }
  needs_.board.ask([this](StatusBoard::Shared snapshot) { put(std::move(snapshot)); });
}

void StatusWriter::set_interval(core::Duration interval) {
  if (interval_ == interval) return;
  interval_ = interval;
  timer_.cancel();
  if (!is_stopped_) tick();
}

void StatusWriter::stop() {
  is_stopped_ = true;
  timer_.cancel();
}

void StatusWriter::tick() {
  const bool is_kept_new = interval_ > core::Duration::zero();
  timer_.expires_after(is_kept_new ? interval_ : look_interval);
  timer_.async_wait([this, is_kept_new](const boost::system::error_code& error) {
    if (error || is_stopped_) return;
    tick();
    if (!is_kept_new) return needs_.board.ask([](const StatusBoard::Shared& /*snapshot*/) {});
    needs_.board.sample([this](StatusBoard::Shared snapshot) {
      if (is_stopped_) return;
      // The disk has not taken the last one yet.
      if (std::exchange(is_writing_, true)) return;
      put(std::move(snapshot));
    });
  });
}

// An exception comes out of the event loop, as if it had been thrown there.
void StatusWriter::put(StatusBoard::Shared snapshot) {
  boost::asio::post(needs_.disk, [this, snapshot = std::move(snapshot), doc_root = needs_.doc_root()]() mutable {
    try {
      const FileError failure =
          write_status_files(doc_root, render_status_text(snapshot->parent, snapshot->peers, snapshot->at),
                             render_status_json(snapshot->parent, snapshot->peers, snapshot->at));
      snapshot.reset();
      boost::asio::post(strand_, [this, failure] { written(failure); });
    } catch (...) {
      boost::asio::post(strand_, [error = std::current_exception()] { std::rethrow_exception(error); });
    }
  });
}

void StatusWriter::written(const FileError& failure) {
  is_writing_ = false;
  if (failure.error) needs_.failed(failure);
  if (std::exchange(is_asked_again_, false) && !is_stopped_) write();
}

}  // namespace lonc::app
