// The lines that come back for what was written to a connection, kept until it is certain that they are all and that
// nothing follows. Says whether the number is right, not what the lines mean.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::core {

class ReplyLines {
 public:
  // From now on so many lines are awaited. What was kept before is dropped.
  void expect(std::size_t lines);
  void add(std::string_view line);
  // Nothing is awaited, and the memory of long lines is given back.
  void clear();

  std::size_t awaited() const { return awaited_; }
  std::size_t size() const { return ends_.size(); }
  std::size_t bytes() const { return text_.size(); }
  bool is_complete() const { return size() == awaited_; }
  // A line came after the last that was awaited. An empty one does not count: a lond of 2002 may end a reply with two
  // line ends, and whether that is what it was is said by empty_lines().
  bool has_surplus() const { return has_surplus_; }
  std::size_t empty_lines() const { return empty_lines_; }

  // Views are valid until the next add(), expect() or clear().
  std::string_view operator[](std::size_t number) const;
  std::string_view back() const { return (*this)[size() - 1]; }

 private:
  std::string text_;  // the lines, one right after the other
  std::vector<std::size_t> ends_;
  std::size_t awaited_ = 0;
  std::size_t empty_lines_ = 0;  // beyond what was awaited
  bool has_surplus_ = false;
};

}  // namespace lonc::core
