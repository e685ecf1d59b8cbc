#include <lonc/core/wire/line_framer.hpp>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

namespace lonc::core {

namespace {

// A client that connects for one short request gets the small size; a stream that fills it gets the usual one.
// The small size is a little more than 4 kB: a line of that size then does not fill it, so the receiver sees that
// nothing more is waiting.
constexpr std::size_t small_size = 4 * 1024 + 512;
constexpr std::size_t usual_size = 16 * 1024;
constexpr std::size_t kept_size = 64 * 1024;  // memory beyond this is freed after a long line
constexpr std::size_t smallest_room = small_size;

// Unused buffers of the two usual sizes. A client needs one only while its request is handled, and allocating it with
// malloc would take longer than all other work on the line.
class FreeBuffers {
 public:
  std::unique_ptr<char[]> take(std::size_t capacity) {
    List* const list = list_of(capacity);
    if (list == nullptr || list->empty()) return std::make_unique_for_overwrite<char[]>(capacity);
    auto buffer = std::move(list->back());
    list->pop_back();
    return buffer;
  }
  void give_back(std::unique_ptr<char[]> buffer, std::size_t capacity) {
    List* const list = list_of(capacity);
    if (list != nullptr && list->size() < most_kept) list->push_back(std::move(buffer));
  }

 private:
  using List = std::vector<std::unique_ptr<char[]>>;
  static constexpr std::size_t most_kept = 128;  // of each size: 2.5 MiB in total

  List* list_of(std::size_t capacity) {
    if (capacity == small_size) return &small_;
    return capacity == usual_size ? &usual_ : nullptr;
  }

  List small_;
  List usual_;
};

FreeBuffers& free_buffers() {
  thread_local FreeBuffers buffers;
  return buffers;
}

constexpr std::size_t add_up(std::size_t a, std::size_t b) {
  return a > std::numeric_limits<std::size_t>::max() - b ? std::numeric_limits<std::size_t>::max() : a + b;
}

}  // namespace

LineFramer::~LineFramer() { release(); }

void LineFramer::release() {
  free_buffers().give_back(std::exchange(buffer_, nullptr), std::exchange(capacity_, 0));
  begin_ = end_ = scanned_ = 0;
}

void LineFramer::pass_over() {
  release();
  discarding_ = true;
}

std::span<char> LineFramer::prepare() {
  const bool was_filled = capacity_ != 0 && end_ == capacity_;
  if (begin_ == end_) begin_ = end_ = scanned_ = 0;
  if (was_filled && capacity_ < usual_size) {
    move_to(std::max(usual_size, end_ - begin_ + smallest_room));
  } else if (capacity_ - end_ < smallest_room) {
    make_room(end_ - begin_ + smallest_room);
  }
  return {buffer_.get() + end_, capacity_ - end_};
}

void LineFramer::commit(std::size_t bytes) {
  assert(bytes <= capacity_ - end_);
  end_ += bytes;
}

LineFramer::Result LineFramer::next(std::string_view& line) {
  while (begin_ != end_) {
    const void* const hit = std::memchr(buffer_.get() + scanned_, '\n', end_ - scanned_);
    if (hit == nullptr) break;
    const auto newline = static_cast<std::size_t>(static_cast<const char*>(hit) - buffer_.get());
    const std::size_t start = begin_;
    begin_ = scanned_ = newline + 1;
    if (discarding_) {
      discarding_ = false;
      continue;
    }
    if (newline - start > limit_) return Result::too_long;
    line = {buffer_.get() + start, newline - start};
    return Result::line;
  }
  scanned_ = end_;
  const bool is_too_long = !discarding_ && end_ - begin_ > limit_;
  discarding_ = discarding_ || is_too_long;
  if (discarding_) begin_ = end_;
  give_back();
  return is_too_long ? Result::too_long : Result::need_more;
}

// Moving the remaining bytes to the front is cheap only when more was consumed than remains. Otherwise the buffer
// doubles, so that each byte is moved a constant number of times. It stops doubling at the size that the longest line
// needs, unless whole lines are buffered because the caller did not take them out.
void LineFramer::make_room(std::size_t wanted) {
  const std::size_t left = end_ - begin_;
  const std::size_t enough = add_up(limit_, smallest_room);
  const bool may_grow = capacity_ < enough || left > limit_;
  if (wanted <= capacity_ && (begin_ >= left || !may_grow)) return move_to(capacity_);
  std::size_t capacity = add_up(capacity_, capacity_);
  if (left <= limit_) capacity = std::min(capacity, enough);
  move_to(std::max(capacity, wanted));
}

void LineFramer::move_to(std::size_t capacity) {
  const std::size_t left = end_ - begin_;
  if (capacity == capacity_) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, left);
  } else {
    auto moved = free_buffers().take(capacity);
    if (left != 0) std::memcpy(moved.get(), buffer_.get() + begin_, left);
    free_buffers().give_back(std::exchange(buffer_, std::move(moved)), capacity_);
    capacity_ = capacity;
  }
  scanned_ -= begin_;
  begin_ = 0;
  end_ = left;
}

// Frees the memory after a long line. Otherwise ten thousand connections would each keep the size of their longest
// line.
void LineFramer::give_back() {
  const std::size_t left = end_ - begin_;
  if (capacity_ <= kept_size || left > usual_size - smallest_room) return;
  if (left != 0) return move_to(usual_size);
  release();
}

}  // namespace lonc::core
