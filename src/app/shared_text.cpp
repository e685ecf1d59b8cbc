#include <lonc/app/shared_text.hpp>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include <exception>
#include <utility>

namespace lonc::app {

SharedText::SharedText(const net::Strand& strand, StatusBoard& board, boost::asio::thread_pool& pool, Render make,
                       std::size_t limit)
    : strand_(strand), board_(board), pool_(pool), make_(std::move(make)), limit_(limit) {}

void SharedText::get(Done done) {
  boost::asio::dispatch(strand_, [this, done = std::move(done)]() mutable {
    waiting_.push_back(std::move(done));
    begin();
  });
}

void SharedText::begin() {
  if (is_making_ || waiting_.empty()) return;
  is_making_ = true;
  served_ = std::exchange(waiting_, {});
  if (bytes_in_use() > limit_) {
    if (Text latest = texts_.back().lock()) return made(std::move(latest));
  }
  board_.ask([this](StatusBoard::Shared snapshot) {
    boost::asio::post(pool_, [this, snapshot = std::move(snapshot)]() mutable {
      Text text;
      try {
        text = std::make_shared<const std::string>(make_(*snapshot));
      } catch (const std::exception&) {
        text = nullptr;  // nothing is lost but this answer
      }
      snapshot.reset();
      boost::asio::post(strand_, [this, text = std::move(text)]() mutable {
        if (text) texts_.push_back(text);
        made(std::move(text));
      });
    });
  });
}

void SharedText::made(Text text) {
  is_making_ = false;
  for (const Done& done : std::exchange(served_, {})) done(text);
  text.reset();
  begin();
}

std::size_t SharedText::bytes_in_use() {
  std::size_t bytes = 0;
  std::erase_if(texts_, [&](const auto& weak) {
    const Text text = weak.lock();
    if (text) bytes += text->size();
    return text == nullptr;
  });
  return bytes;
}

}  // namespace lonc::app
