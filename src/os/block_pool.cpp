#include "os/block_pool.hpp"

#include <malloc.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LONC_SANITIZER 1
#elif defined(__has_feature)  // clang
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define LONC_SANITIZER 1
#endif
#endif

#ifdef LONC_SANITIZER

bool lonc::os::is_block_pool_used() { return false; }

#else

// A client that connects, asks and leaves needs some blocks (its session, its list entries, the handlers of a turn),
// and malloc's own cache holds too few blocks of each size for dozens of clients at once.
namespace {

constexpr std::size_t step = 32;  // between two block sizes
constexpr std::size_t largest = 2048;
constexpr std::size_t sizes = largest / step + 1;
constexpr std::size_t most_kept = 512;  // of each size

struct Block {
  Block* next;
};

// Has no destructor, so that blocks can be freed until the very end of a thread.
struct Cache {
  std::array<Block*, sizes> first;
  std::array<std::size_t, sizes> count;
  std::size_t most;  // per size: 0 before the first block and after the thread's end
  bool is_over;
};

constinit thread_local Cache cache{};

// Frees the blocks that a thread has kept when the thread ends.
struct AtEnd {
  ~AtEnd() {
    cache.most = 0;
    cache.is_over = true;
    for (Block*& first : cache.first) {
      while (first != nullptr) std::free(std::exchange(first, first->next));
    }
    cache.count.fill(0);
  }
};

// Enables this thread's cache when its first block comes. True if there is now room for a further block.
bool begin() {
  if (cache.most != 0 || cache.is_over) return false;
  cache.most = most_kept;
  [[maybe_unused]] static thread_local const AtEnd at_end;
  return true;
}

void* allocate(std::size_t size) {
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void* take(std::size_t size) {
  if (size > largest) return allocate(size);
  const std::size_t number = size == 0 ? 1 : (size + step - 1) / step;
  Block* const block = cache.first[number];
  if (block == nullptr) return allocate(number * step);
  cache.first[number] = block->next;
  --cache.count[number];
  return block;
}

// Asks malloc for the block's size, so that it does not matter where the block came from.
void give_back(void* memory) {
  if (memory == nullptr) return;
  const std::size_t number = malloc_usable_size(memory) / step;
  if (number == 0 || number >= sizes || (cache.count[number] == cache.most && !begin())) return std::free(memory);
  auto* const block = static_cast<Block*>(memory);
  block->next = cache.first[number];
  cache.first[number] = block;
  ++cache.count[number];
}

}  // namespace

void* operator new(std::size_t size) { return take(size); }
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }

bool lonc::os::is_block_pool_used() {
  void* volatile memory = ::operator new(step);
  ::operator delete(memory);
  return cache.first[1] == memory;
}

#endif
