#include "support/catch.hpp"

#include <lonc/core/spool/delayed_message.hpp>

#include <algorithm>
#include <limits>
#include <set>
#include <vector>

namespace lonc::core::test {

namespace {

// "HOST TIMESTAMP" as in the name, or "nobody's".
std::string read(std::string_view name, const std::set<std::string, std::less<>>& hosts) {
  const auto owned = parse_delayed_name(name, [&](std::string_view id) { return hosts.contains(id); });
  if (!owned) return "nobody's";
  CHECK(owned->name.text == name);
  return std::string(owned->host_id) + " " + std::to_string(owned->name.timestamp);
}

DelayedName parsed(std::string_view name) {
  auto owned = parse_delayed_name(name, [](std::string_view) { return true; });
  REQUIRE(owned);
  return owned->name;
}

}  // namespace

TEST_CASE("names of delayed messages have five parts, or three as in 2002") {
  CHECK(read("1351688191.12.4711.putmsukorte.msul1", {"msul1"}) == "msul1 1351688191");
  CHECK(read("1035000000.put.msul1", {"msul1"}) == "msul1 1035000000");
  CHECK(read("1351688191.12.4711..msul1", {"msul1"}) == "msul1 1351688191");
  CHECK(read("1035000000..msul1", {"msul1"}) == "msul1 1035000000");
}

TEST_CASE("a delayed message is for exactly the host in its name") {
  CHECK(read("1.2.3.put.xmsul1", {"msul1"}) == "nobody's");
  CHECK(read("1.2.3.put.msul1", {"xmsul1"}) == "nobody's");
  CHECK(read("1.2.3.put.msul1", {"msul10"}) == "nobody's");
  CHECK(read("1.2.3.put.msul1", {"MSUL1"}) == "nobody's");
  CHECK(read("1.2.3.put.msul1.", {"msul1"}) == "nobody's");
  CHECK(read("1.2.3.put.msu-l1", {"msu-l1", "l1"}) == "msu-l1 1");
}

TEST_CASE("an id with dots is matched whole") {
  CHECK(read("1.2.3.put.a.b", {"a.b"}) == "a.b 1");
  CHECK(read("1.2.3.put.a.b", {"a.b", "b"}) == "a.b 1");
  CHECK(read("1.2.3.put.a.b", {"b"}) == "nobody's");
  CHECK(read("1.2.3.put.b", {"a.b", "b"}) == "b 1");
  CHECK(read("1.put.a.b", {"a.b", "b"}) == "a.b 1");
  CHECK(read("1.put.a.b", {"b"}) == "nobody's");
  CHECK(read("1.2.3.put.a.b.edu", {"a.b.edu"}) == "a.b.edu 1");
}

TEST_CASE("a name that matches both forms is read as the newer one, if its host is known") {
  CHECK(read("1.2.3.put.msul1", {"3.put.msul1", "msul1"}) == "msul1 1");
  CHECK(read("1.2.3.put.msul1", {"3.put.msul1"}) == "3.put.msul1 1");
}

TEST_CASE("a name that is not that of a delayed message belongs to no host") {
  for (const char* name :
       {"", ".", "..", ".sending", "msul1", ".msul1", "put.msul1", "1.msul1", "1.2", "x1.2.3.put.msul1", "1.put.",
        "1..", ".1.2.3.put.msul1", "-1.put.msul1", "+1.put.msul1", " 1.put.msul1"}) {
    INFO(name);
    CHECK(read(name, {"msul1"}) == "nobody's");
  }
  CHECK(read(std::string("1.2.3.put\0.msul1", 16), {"msul1"}) == "nobody's");
  CHECK(read("1.2.3.put\t.msul1", {"msul1"}) == "nobody's");
  CHECK(read("1.2.3.put\n.msul1", {"msul1"}) == "nobody's");
  CHECK(read("1.2.3.put\x7f.msul1", {"msul1"}) == "nobody's");
  CHECK(read("1.2.3.p\xc3\xbct.msul1", {"msul1"}) == "msul1 1");
  CHECK(read("1.2.3." + std::string(243, 'p') + ".msul1", {"msul1"}) == "msul1 1");
  CHECK(read("1.2.3." + std::string(244, 'p') + ".msul1", {"msul1"}) == "nobody's");
}

TEST_CASE("messages for unknown hosts are distinguished from other files") {
  CHECK(is_delayed_name("1.2.3.put.elsewhere"));
  CHECK(is_delayed_name("1.put.elsewhere"));
  CHECK(is_delayed_name("1..elsewhere"));
  CHECK_FALSE(is_delayed_name("1.put"));
  CHECK_FALSE(is_delayed_name("README"));
  CHECK_FALSE(is_delayed_name("a.b.c"));
  CHECK_FALSE(is_delayed_name("1.p\nut.elsewhere"));
}

TEST_CASE("names are ordered by timestamp, then as text: the count is no serial number") {
  const std::vector<std::string> ordered{"9.0.1.z.h",  "10.1.9.b.h", "10.10.1.a.h", "10.2.1.a.h",
                                         "10.2.2.a.h", "11.0.1.b.h", "11.1.1.a.h",  "11.a.h"};
  std::vector<DelayedName> names;
  for (const std::string& name : ordered) names.push_back(parsed(name));
  std::ranges::reverse(names);
  std::ranges::sort(names);
  std::vector<std::string> sorted;
  for (const DelayedName& name : names) sorted.push_back(name.text);
  CHECK(sorted == ordered);
}

TEST_CASE("numbers that are too large sort last") {
  constexpr auto largest = std::numeric_limits<std::uint64_t>::max();
  CHECK(parsed("99999999999999999999999.2.3.put.h").timestamp == largest);
  CHECK(parsed("0001.007.3.put.h").timestamp == 1);
}

TEST_CASE("names are made as lonnet.pm makes them, and can be parsed again") {
  CHECK(make_delayed_name(1351688191, 3, 4711, "put:msu:korte:environment:a=b", "msul1") ==
        "1351688191.3.4711.putmsukorteen.msul1");
  CHECK(make_delayed_name(1, 0, 2, "", "msul1") == "1.0.2..msul1");
  CHECK(make_delayed_name(1, 0, 2, ":::", "msul1") == "1.0.2..msul1");
  CHECK(make_delayed_name(1, 0, 2, "encrypt:passwd:x_1:secret", "a.b") == "1.0.2.encryptpasswdx.a.b");
  const std::string name = make_delayed_name(7, 8, 9, "p\xfcut.:\n/x", "a.b-c");
  CHECK(name == "7.8.9.putx.a.b-c");
  CHECK(read(name, {"a.b-c", "b-c"}) == "a.b-c 7");
}

}  // namespace lonc::core::test
