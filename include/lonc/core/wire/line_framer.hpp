// Extracts lines from a byte stream that arrives in arbitrary pieces. Used on both sides: local clients and lond.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace lonc::core {

class LineFramer {
 public:
  enum class Result {
    line,       // `line` holds the next line, without its '\n'; valid until the next call
    need_more,  // no complete line is buffered
    too_long,   // a line exceeds the limit; reported once, its bytes are skipped up to and including its '\n'
  };

  explicit LineFramer(std::size_t limit) : limit_(limit) {}
  ~LineFramer();
  LineFramer(const LineFramer&) = delete;
  LineFramer& operator=(const LineFramer&) = delete;

  // Room to receive into, at least 4 KiB. commit() says how much of it was filled. Invalidates the line that next()
  // returned.
  std::span<char> prepare();
  void commit(std::size_t bytes);

  Result next(std::string_view& line);

  // Frees the memory and discards what is buffered.
  void release();

  // True if bytes are buffered that next() has not returned yet.
  bool has_bytes() const { return end_ != begin_; }

  // Frees the memory. The line that has begun is skipped up to and including its '\n'.
  void pass_over();

  // True while the rest of a line that was too long is being skipped.
  bool is_discarding() const { return discarding_; }

  void set_limit(std::size_t bytes) { limit_ = bytes; }

  // Bytes of memory held. Stays below the limit plus one prepare() if next() is called until it returns `need_more`.
  std::size_t capacity() const { return capacity_; }

 private:
  void make_room(std::size_t wanted);
  void move_to(std::size_t capacity);
  void give_back();

  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;    // first byte not returned yet
  std::size_t end_ = 0;      // one past the last received byte
  std::size_t scanned_ = 0;  // no '\n' in [begin_, scanned_)
  std::size_t limit_;        // bytes of a line, without its '\n'
  bool discarding_ = false;
};

}  // namespace lonc::core
