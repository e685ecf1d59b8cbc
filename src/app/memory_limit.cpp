#include <lonc/app/memory_limit.hpp>

#include <malloc.h>

namespace lonc::app {

void return_large_blocks() {
  constexpr int large = 1024 * 1024;  // bytes
  ::mallopt(M_MMAP_THRESHOLD, large);
}

}  // namespace lonc::app
