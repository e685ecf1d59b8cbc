// Records what this program does to the files below one directory: the calls themselves, as the kernel sees them.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace lonc::test {

// Files and directories have numbers, which are never used again. The directory itself is 0.
struct Operation {
  enum class Kind {
    add,     // the name `name` in the directory `object` leads to `target`
    remove,  // it does not any more
    move,    // within one directory, in one step: from `name` to `new_name`
    write,   // `bytes` at `offset` of the file `object`
    sync,    // everything of `object` is durable
    sent,    // no operation: the peer has received the message `name`
    durable  // no operation: the message `name` is on the disk from here on
  };
  Kind kind{};
  int object = 0;
  int target = 0;
  std::string name{};
  std::string new_name{};
  std::size_t offset = 0;
  std::string bytes{};
  int added_by = -1;  // of a rename between directories: the place of the operation that adds the new name
};

struct FileTree {
  std::map<int, std::map<std::string, int>> directories;
  std::map<int, std::string> files;
};

struct Recording {
  FileTree before;
  std::map<int, unsigned long> inodes;  // when it was recorded
  std::vector<Operation> operations;
};

void begin_recording(const std::string& directory);
void record_mark(Operation::Kind kind, const std::string& name);
Recording end_recording();

}  // namespace lonc::test
