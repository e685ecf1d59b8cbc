// The operator new and delete of a program that links lonc_block_pool: each thread keeps the blocks of up to 2 kB that
// it frees, and uses them again. For the benefit see docs/performance.md.
#pragma once

namespace lonc::os {

// True if this program uses these operators. False under a sanitizer, which has its own operators and finds errors that
// these would hide.
bool is_block_pool_used();

}  // namespace lonc::os
