#include "support/catch.hpp"

#include <lonc/core/spool/spool_index.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lonc::core::test {

namespace {

std::string name_of(int number, const std::string& host_id = "h") {
  return std::to_string(number) + ".0.1.put." + host_id;
}

DelayedName parsed(int number) { return {static_cast<std::uint64_t>(number), name_of(number)}; }

// Takes all: "1 2 3".
std::string take_all(SpoolIndex& index, const std::string& host_id = "h") {
  std::string all;
  while (const auto name = index.take_first(host_id, [](const auto&) { return 0; }))
    all += (all.empty() ? "" : " ") + std::to_string(name->timestamp);
  return all;
}

SpoolIndex index_of(const std::vector<std::string>& hosts) {
  SpoolIndex index;
  index.set_hosts(hosts);
  return index;
}

// Messages of the same second: the letter is the command, the number the time of the file's last change.
struct OneSecond {
  std::map<std::string, std::uint64_t> times;
  unsigned looks = 0;

  void add(SpoolIndex& index, const std::string& letter, std::uint64_t time) {
    times["7.0.1." + letter + ".h"] = time;
    index.add("7.0.1." + letter + ".h");
  }
  std::optional<DelayedName> take(SpoolIndex& index) {
    return index.take_first("h", [this](const std::string& name) { return ++looks, times.at(name); });
  }
  std::string take_all(SpoolIndex& index) {
    std::string all;
    while (const auto name = take(index)) all += name->text[6];
    return all;
  }
};

}  // namespace

TEST_CASE("the index gives each host its names, the oldest first") {
  SpoolIndex index = index_of({"h", "a.h"});
  REQUIRE(index.add(name_of(3)) != nullptr);
  CHECK(*index.add(name_of(20)) == "h");
  CHECK(*index.add(name_of(1, "a.h")) == "a.h");
  CHECK(*index.add(name_of(3)) == "h");
  CHECK(index.count("h") == 2);
  CHECK(index.total() == 3);
  CHECK(index.oldest("h") == 3);
  CHECK(index.hosts_with_messages() == std::vector<std::string>{"a.h", "h"});
  CHECK(take_all(index) == "3 20");
  CHECK(take_all(index, "a.h") == "1");
  CHECK_FALSE(index.oldest("h"));
  CHECK(index.hosts_with_messages().empty());
  CHECK(index.count("unknown") == 0);
  CHECK(take_all(index, "unknown").empty());
}

TEST_CASE("the index counts files that belong to no host") {
  SpoolIndex index = index_of({"h"});
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

TEST_CASE("names may be added in any order, and twice") {
  SpoolIndex index = index_of({"h", "i"});
  index.add(name_of(99));
  index.clear();
  for (const int i : {4, 2, 5, 2, 1, 3, 5}) index.add(name_of(i));
  index.add(name_of(7, "i"));
  index.sort();
  CHECK(index.count("h") == 5);
  CHECK(index.total() == 6);
  index.add(name_of(3));
  index.add(name_of(0));
  CHECK(index.total() == 7);
  CHECK(take_all(index) == "0 1 2 3 4 5");
  CHECK(index.total() == 1);
}

TEST_CASE("a name that is put back comes first again") {
  SpoolIndex index = index_of({"h"});
  for (int i = 10; i <= 12; ++i) index.add(name_of(i));
  for (int i = 0; i != 2; ++i) index.put_back("h", *index.take_first("h", [](const auto&) { return 0; }));
  CHECK(index.oldest("h") == 10);
  CHECK(index.count("h") == 3);
  index.put_back("h", parsed(11));
  index.put_back("unknown", parsed(10));
  CHECK(index.total() == 3);
  CHECK(take_all(index) == "10 11 12");
  index.put_back("h", parsed(10));
  CHECK(take_all(index) == "10");
}

TEST_CASE("a name that is forgotten is not returned any more") {
  SpoolIndex index = index_of({"h"});
  for (int i = 1; i <= 3; ++i) index.add(name_of(i));
  index.forget(name_of(2));
  index.forget(name_of(9));
  CHECK(index.count("h") == 2);
  CHECK(index.total() == 2);
  CHECK(take_all(index) == "1 3");
  index.add(name_of(4));
  index.forget(name_of(4));
  CHECK(index.hosts_with_messages().empty());
}

TEST_CASE("in the same second the file that was changed first is the oldest, then the name decides") {
  SpoolIndex index = index_of({"h"});
  OneSecond second;
  index.add("6.0.1.z.h");
  index.add("8.0.1.a.h");
  second.times["6.0.1.z.h"] = second.times["8.0.1.a.h"] = 0;
  const std::vector<std::pair<std::string, std::uint64_t>> files{{"a", 30}, {"c", 10}, {"b", 20}, {"d", 10}};
  for (const auto& [letter, time] : files) second.add(index, letter, time);
  CHECK(second.take_all(index) == "zcdbaa");
  CHECK(second.looks == 4);  // each once, and none that is the only one in its second
}

TEST_CASE("the order within a second remains when names are added, removed and put back") {
  SpoolIndex index = index_of({"h"});
  OneSecond second;
  const std::vector<std::pair<std::string, std::uint64_t>> files{{"a", 50}, {"b", 40}, {"c", 30}, {"d", 20}, {"e", 10}};
  for (const auto& [letter, time] : files) second.add(index, letter, time);
  CHECK(second.take(index)->text == "7.0.1.e.h");
  index.forget("7.0.1.c.h");
  second.add(index, "f", 15);
  second.add(index, "b", 40);
  index.put_back("h", {7, "7.0.1.e.h"});
  CHECK(index.count("h") == 5);
  CHECK(second.take_all(index) == "efdba");
}

TEST_CASE("nothing is taken while it is unknown which name is the oldest") {
  SpoolIndex index = index_of({"h"});
  OneSecond second;
  second.add(index, "a", 2);
  second.add(index, "b", 1);
  CHECK_FALSE(index.take_first("h", [](const auto&) { return std::nullopt; }));
  CHECK(index.count("h") == 2);
  CHECK(second.take_all(index) == "ba");
}

TEST_CASE("hosts that stay keep their names when the hosts change") {
  SpoolIndex index = index_of({"h", "i"});
  index.add(name_of(1));
  index.add(name_of(2, "i"));
  index.set_hosts({"h", "j"});
  CHECK(index.count("h") == 1);
  CHECK(index.count("i") == 0);
  CHECK(index.add(name_of(3, "i")) == nullptr);
  CHECK(*index.add(name_of(3, "j")) == "j");
}

}  // namespace lonc::core::test
