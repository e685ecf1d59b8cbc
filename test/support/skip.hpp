// For a test that can not run here. test/CMakeLists.txt has ctest look for what is printed, so that it counts as
// skipped, not as passed; where nothing may be skipped, that is a failure (cmake/test_summary.py --no-skips).
#pragma once

#include <iostream>
#include <string_view>

namespace lonc::test {

// The test returns after this.
inline void skip(std::string_view reason) { std::cout << "This test is skipped: " << reason << std::endl; }

}  // namespace lonc::test
