#include "support/catch.hpp"

#include <malloc.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

// Sanitizers count nothing here, and have no pool.
std::size_t bytes_in_use() { return ::mallinfo2().uordblks; }

// A thread frees what others have made, and ends.
void free_in_a_thread() {
  std::vector<std::string> strings;
  for (std::size_t size = 32; size < 2000; size += 20) strings.emplace_back(size, 'x');
  std::thread([strings = std::move(strings)]() mutable { strings.clear(); }).join();
}

// Made by the thread, and given back when the pool of the thread may have been cleared already.
struct Late {
  ~Late() { text = {}; }
  std::string text = std::string(500, 'x');
};

}  // namespace

TEST_CASE("what a thread has freed is not lost when it ends") {
  for (int i = 0; i != 20; ++i) free_in_a_thread();
  const auto before = bytes_in_use();
  for (int i = 0; i != 200; ++i) free_in_a_thread();
  CHECK(bytes_in_use() < before + 500'000);
}

TEST_CASE("a thread may free things until its very end") {
  const auto visit = [] {
    thread_local Late first;
    std::string(100, 'x');
    thread_local Late second;
    return first.text.size() + second.text.size();
  };
  for (int i = 0; i != 20; ++i) std::thread(visit).join();
  const auto before = bytes_in_use();
  for (int i = 0; i != 500; ++i) std::thread(visit).join();
  CHECK(bytes_in_use() < before + 100'000);
}
