#include "support/catch.hpp"

#include <lonc/core/spool_index.hpp>

#include <string>

namespace lonc::core::test {

namespace {

std::string name_of(int number, const std::string& host_id = "h") {
  return std::to_string(number) + ".0.1.put." + host_id;
}

DelayedName parsed(int number) { return {static_cast<std::uint64_t>(number), 0, name_of(number)}; }

// Takes all that can be taken without a scan: "1 2 3".
std::string take_all(SpoolIndex& index, const std::string& host_id = "h") {
  std::string all;
  while (const auto name = index.take_first(host_id)) all += (all.empty() ? "" : " ") + std::to_string(name->timestamp);
  return all;
}

// Sixteen names fit: the least that a host is given.
SpoolIndex small_index() {
  SpoolIndex index;
  index.set_hosts({"h"}, 1);
  return index;
}

}  // namespace

TEST_CASE("the index gives each host its names, the oldest first") {
  SpoolIndex index;
  index.set_hosts({"h", "a.h"});
  REQUIRE(index.add(name_of(3)) != nullptr);
  CHECK(*index.add(name_of(20)) == "h");
  CHECK(*index.add(name_of(1, "a.h")) == "a.h");
  CHECK(*index.add(name_of(3)) == "h");
  CHECK(index.count("h") == 2);
  CHECK(index.first("h")->text == name_of(3));
  CHECK(index.hosts_with_messages() == std::vector<std::string>{"a.h", "h"});
  CHECK(take_all(index) == "3 20");
  CHECK(take_all(index, "a.h") == "1");
  CHECK_FALSE(index.needs_scan("h"));
  CHECK(index.first("h") == nullptr);
  CHECK(index.hosts_with_messages().empty());
  CHECK(index.count("unknown") == 0);
  CHECK_FALSE(index.take_first("unknown"));
}

TEST_CASE("the index counts what is nobody's") {
  SpoolIndex index;
  index.set_hosts({"h"});
  CHECK(index.add(name_of(1, "xh")) == nullptr);
  CHECK(index.add(name_of(2, "b.h")) == nullptr);
  CHECK(index.add("README") == nullptr);
  CHECK(index.foreign() == 2);
  CHECK(index.strange() == 1);
  index.forget("README");
  index.clear();
  CHECK(index.foreign() == 0);
  CHECK(index.strange() == 0);
}

TEST_CASE("of a long queue the index holds the oldest names and counts the others") {
  SpoolIndex index = small_index();
  for (int i = 40; i > 0; --i) index.add(name_of(i));
  CHECK(index.count("h") == 40);
  CHECK(index.total() == 40);
  CHECK_FALSE(index.needs_scan("h"));
  CHECK(take_all(index) == "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16");
  CHECK(index.needs_scan("h"));
  CHECK(index.count("h") == 24);
  CHECK(index.hosts_with_messages() == std::vector<std::string>{"h"});
  index.clear();
  for (int i = 17; i <= 40; ++i) index.add(name_of(i));
  CHECK(index.count("h") == 24);
  CHECK(index.total() == 24);
  CHECK(take_all(index).starts_with("17 18 "));
  CHECK(index.total() == 8);
}

TEST_CASE("names that arrive while others lie beyond do not overtake them") {
  SpoolIndex index = small_index();
  for (int i = 10; i <= 40; ++i) index.add(name_of(i));  // 10 to 25 are held
  index.add(name_of(50));
  index.add(name_of(5));  // 25 lies beyond now
  CHECK(index.first("h")->timestamp == 5);
  CHECK(index.take_first("h")->timestamp == 5);
  index.add(name_of(25));
  index.add(name_of(12));
  CHECK(take_all(index) == "10 11 12 13 14 15 16 17 18 19 20 21 22 23 24");
  CHECK(index.needs_scan("h"));
  // Nothing is held, so of nothing it is known that it is older than what lies beyond.
  index.add(name_of(1));
  CHECK_FALSE(index.take_first("h"));
  CHECK(index.needs_scan("h"));
}

TEST_CASE("a name that is put back is the first again, or is found by the next scan") {
  SpoolIndex index = small_index();
  for (int i = 10; i <= 40; ++i) index.add(name_of(i));
  index.put_back("h", *index.take_first("h"));
  CHECK(index.first("h")->timestamp == 10);
  CHECK(index.count("h") == 31);
  take_all(index);
  index.put_back("h", parsed(10));
  CHECK_FALSE(index.take_first("h"));
  CHECK(index.needs_scan("h"));
  index.put_back("unknown", parsed(10));
}

TEST_CASE("a name that is forgotten is not given any more") {
  SpoolIndex index = small_index();
  for (int i = 1; i <= 3; ++i) index.add(name_of(i));
  index.forget(name_of(2));
  index.forget(name_of(9));
  CHECK(index.count("h") == 2);
  CHECK(index.total() == 2);
  CHECK(take_all(index) == "1 3");
}

TEST_CASE("the index shares its budget among the hosts") {
  SpoolIndex index;
  const auto held = [&](std::size_t hosts, std::size_t budget) {
    std::vector<std::string> ids{"h"};
    for (std::size_t i = 1; i < hosts; ++i) ids.push_back("h" + std::to_string(i));
    index.set_hosts(ids, budget);
    index.clear();
    for (int i = 0; i != 5000; ++i) index.add(name_of(i));
    std::size_t count = 0;
    while (index.take_first("h")) ++count;
    return count;
  };
  CHECK(held(1, 65'536) == 4096);
  CHECK(held(64, 65'536) == 1024);
  CHECK(held(100, 10) == 16);
}

TEST_CASE("hosts that stay keep their names when the hosts change") {
  SpoolIndex index;
  index.set_hosts({"h", "i"});
  index.add(name_of(1));
  index.add(name_of(2, "i"));
  index.set_hosts({"h", "j"});
  CHECK(index.count("h") == 1);
  CHECK(index.count("i") == 0);
  CHECK(index.add(name_of(3, "i")) == nullptr);
  CHECK(*index.add(name_of(3, "j")) == "j");
}

}  // namespace lonc::core::test
