// What a weak file system may have on the disk after a loss of power: docs/reliability.md.
#pragma once

#include "crash/recorder.hpp"

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace lonc::test {

// The states after the first `end` operations of a recording.
class Enumeration {
 public:
  // `use` is called with each state; that of all operations is the first.
  Enumeration(const Recording& recording, std::size_t end, std::function<void(const FileTree&)> use);

  void all();

 private:
  // What became of an operation: it is missing, complete, or written in part.
  enum class Fate { missing, whole, first_half, second_half, zeros };

  static void apply(FileTree& tree, const Operation& operation, Fate fate);
  void tear();
  bool is_open(std::size_t place) const;
  bool is_possible(const Operation& operation, const std::set<int>& reachable) const;
  void make();

  const Recording& recording_;
  std::size_t end_;
  std::function<void(const FileTree&)> use_;
  std::vector<Fate> fates_;  // of each operation
  std::vector<std::size_t> open_;  // the places of those that no sync has made certain
};

// The same for the same names, structure and contents.
std::string text_of(const FileTree& tree, int directory = 0);

}  // namespace lonc::test
