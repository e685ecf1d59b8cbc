#include "support/catch.hpp"

#include <lonc/core/base/types.hpp>

#include <functional>
#include <vector>

namespace lonc::core::test {

TEST_CASE("a barrier calls its function when the last callback that holds it is destroyed, called or not") {
  int calls = 0;
  std::vector<std::function<void()>> callbacks;
  {
    const Barrier barrier([&calls] { ++calls; });
    for (int i = 0; i != 3; ++i) callbacks.emplace_back([barrier] {});
  }
  callbacks.front()();
  callbacks.front() = nullptr;
  callbacks.pop_back();
  CHECK(calls == 0);
  callbacks.clear();
  CHECK(calls == 1);
}

TEST_CASE("a barrier that no callback holds calls its function at once") {
  int calls = 0;
  {
    const Barrier barrier([&calls] { ++calls; });
  }
  CHECK(calls == 1);
}

}  // namespace lonc::core::test
