#include "os/block_pool.hpp"
#include "support/catch.hpp"

#include <malloc.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

// Zero under sanitizers, which have no pool either.
std::size_t bytes_in_use() { return ::mallinfo2().uordblks; }

// A thread frees what another has allocated, and ends.
void free_in_a_thread() {
  std::vector<std::string> strings;
  for (std::size_t size = 32; size < 2000; size += 20) strings.emplace_back(size, 'x');
  std::thread([strings = std::move(strings)]() mutable { strings.clear(); }).join();
}

// Allocated by the thread, and freed when the pool of the thread may already have been cleared.
struct Late {
  ~Late() { text = {}; }
  std::string text = std::string(500, 'x');
};

}  // namespace

TEST_CASE("a program that links the pool uses it, unless a sanitizer replaces it") {
#ifdef LONC_WITHOUT_BLOCK_POOL
  CHECK_FALSE(lonc::os::is_block_pool_used());
#else
  CHECK(lonc::os::is_block_pool_used());
#endif
}

TEST_CASE("memory that a thread has freed is not lost when it ends") {
  for (int i = 0; i != 20; ++i) free_in_a_thread();
  const auto before = bytes_in_use();
  for (int i = 0; i != 200; ++i) free_in_a_thread();
  CHECK(bytes_in_use() < before + 500'000);
}

TEST_CASE("a thread may free memory until its very end") {
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
