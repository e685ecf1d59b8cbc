// operator new and delete of every program that uses this layer: freed blocks of up to 2 kB are kept by each thread
// and used again. A client that comes, asks and goes needs some of them (its session, its place in lists, the handlers
// of a turn), and malloc's own cache holds too few of a size for dozens of clients at once.
#include <malloc.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

// Sanitizers bring operators of their own, which find what these would hide.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__has_feature)

namespace {

constexpr std::size_t step = 32;  // between two sizes of blocks
constexpr std::size_t largest = 2048;
constexpr std::size_t sizes = largest / step + 1;
constexpr std::size_t most_kept = 512;  // of each size

struct Block {
  Block* next;
};

// Without a destructor, so that blocks can be freed until the very end of a thread.
struct Cache {
  std::array<Block*, sizes> first;
  std::array<std::size_t, sizes> count;
  std::size_t most;  // of each size: none before the first block comes and after the thread's end
  bool is_over;
};

constinit thread_local Cache cache{};

// Gives back at the end of its thread what the thread has kept.
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

// True if there is room for a further block now.
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

// Its size is asked of malloc, so that it does not matter where a block came from.
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

#endif
