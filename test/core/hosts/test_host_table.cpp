#include "support/catch.hpp"

#include <lonc/core/hosts/host_table.hpp>

#include <algorithm>
#include <string>
#include <vector>

using lonc::core::Host;
using lonc::core::HostTable;
using lonc::core::HostTableRules;
using lonc::core::Problem;

namespace {

// The own id is empty in most tests, so that its absence is not reported.
HostTable parse(std::string_view text, const HostTableRules& rules = {}) {
  return lonc::core::parse_host_table(text, "hosts.tab", rules);
}

std::vector<std::string> told(const HostTable& table) {
  std::vector<std::string> texts;
  for (const auto& problem : table.problems) texts.push_back(to_string(problem));
  return texts;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// The text is one bad line: it is reported with its number and has no effect.
void check_bad(std::string_view line, std::string_view part) {
  CAPTURE(line);
  const auto table = parse("# first\n" + std::string(line) + "\n");
  CHECK(table.hosts.empty());
  REQUIRE(table.problems.size() == 1);
  CHECK(table.problems[0].kind == Problem::Kind::error);
  CHECK(table.problems[0].line == 2);
  CHECK_FALSE(table.problems[0].remedy.empty());
  CAPTURE(table.problems[0].text);
  CHECK(contains(table.problems[0].text, part));
}

}  // namespace

TEST_CASE("a line of 2002") {
  const auto table = parse("msul1:msu:library:lite.msu.edu:35.8.63.21\n");
  REQUIRE(table.hosts.size() == 1);
  CHECK(table.hosts[0] == Host{"msul1", "msu", "library", "lite.msu.edu", "35.8.63.21", 1});
  CHECK(table.problems.empty());
}

TEST_CASE("comments, DNS lines and blank lines are skipped silently") {
  const auto table = parse("# a:b:c:d:e\n\n   \n^dns.lon-capa.org:http\n  # indented:a:b:c:d\r\n^bad\nx\t\n");
  CHECK(table.hosts.empty());
  REQUIRE(table.problems.size() == 1);
  CHECK(table.problems[0].line == 7);
}

TEST_CASE("DOS line ends, blanks around fields") {
  const auto table = parse("a1:d:access:n:10.0.0.1\r\n b1 :d:access: n.x :10.0.0.2 \r\nc1:d:access:n:10.0.0.3\n");
  REQUIRE(table.hosts.size() == 3);
  CHECK(table.hosts[0].address == "10.0.0.1");
  CHECK(table.hosts[1] == Host{"b1", "d", "access", "n.x", "10.0.0.2", 2});
  CHECK(table.hosts[2].line == 3);
  CHECK(table.problems.empty());
}

TEST_CASE("an IPv6 address is in brackets, whose content is not split at colons") {
  const auto table = parse("a1:d:access:n:[2001:db8::5]\nb1:d:access:n:[::ffff:10.0.0.9]:more\nc1:d:access:n:[::1]");
  REQUIRE(table.hosts.size() == 3);
  CHECK(table.hosts[0].address == "2001:db8::5");
  CHECK(table.hosts[1].address == "::ffff:10.0.0.9");
  CHECK(table.hosts[2].address == "::1");
}

TEST_CASE("an address that cannot be that of a single server is refused: it would lead to this server, or to many") {
  for (const char* address : {"0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "255.255.255.255", "[::]",
                              "[ff02::1]", "[::ffff:0.0.0.0]", "[::ffff:255.255.255.255]"})
    check_bad(std::string("a1:d:access:n:") + address, "is not the address of a single server");
  for (const char* address : {"127.0.0.1", "1.0.0.1", "223.255.255.255", "[::1]", "[2001:db8::5]", "[::ffff:10.0.0.9]"})
    CHECK(parse(std::string("a1:d:access:n:") + address + "\n").hosts.size() == 1);
}

TEST_CASE("http and https mean that the name is looked up") {
  const auto table = parse("a1:d:access:a.x.edu:http\nb1:d:access:b.x.edu:https:x.edu\n");
  REQUIRE(table.hosts.size() == 2);
  CHECK(table.hosts[0] == Host{"a1", "d", "access", "a.x.edu", "", 1});
  CHECK(table.hosts[1] == Host{"b1", "d", "access", "b.x.edu", "", 2});
  check_bad("a1:d:access::http", "not a host name");
  check_bad("a1:d:access:a b:http", "not a host name");
}

TEST_CASE("hosts without an address are skipped with one note, or looked up") {
  const std::string text = "a1:d:access:a.x.edu:\nb1:d:access:b.x.edu\nc1:d:access:c.x.edu: \nd1:d:access:n:10.0.0.1\n";
  const auto skipped = parse(text);
  REQUIRE(skipped.hosts.size() == 1);
  CHECK(skipped.hosts[0].id == "d1");
  REQUIRE(skipped.problems.size() == 1);
  CHECK(skipped.problems[0].kind == Problem::Kind::note);
  CHECK(contains(skipped.problems[0].text, "3 lines without an address skipped (the first is line 1)"));

  const auto resolved = parse(text, {.own_id = "", .resolve_without_ip = true, .longest_id = 0});
  REQUIRE(resolved.hosts.size() == 4);
  CHECK(resolved.hosts[0] == Host{"a1", "d", "access", "a.x.edu", "", 1});
  CHECK(resolved.problems.empty());
}

TEST_CASE("bad lines are reported with their number and skipped") {
  check_bad("nonsense", "too few fields");
  check_bad("a1:d:access", "too few fields");
  check_bad("a1:d:access:n:10.0.0.256", "not an address");
  check_bad("a1:d:access:n:10.0.0", "not an address");
  check_bad("a1:d:access:n:10.0.0.1.2", "not an address");
  check_bad("a1:d:access:n:10.0.0.01", "not an address");
  check_bad("a1:d:access:n:10..0.1", "not an address");
  check_bad("a1:d:access:n:-1.0.0.1", "not an address");
  check_bad("a1:d:access:n:some.name", "not an address");
  check_bad("a1:d:access:n:2001:db8::1", "\"2001\" is not an address");
  check_bad("a1:d:access:n:[2001:db8::1", "bracket");
  check_bad("a1:d:access:n:[10.0.0.1]", "not an address");
  check_bad("a1:d:access:n:[]", "not an address");
  check_bad("a1:d:access:n:[::1]x", "not an address");
  check_bad("a1:d:access:n:[1:2:3:4:5:6:7:8:9]", "not an address");
  check_bad("a1:d:access:n:[1:2:3:4:5:6:7::8:9]", "not an address");
  check_bad("a1:d:access:n:[1::2::3]", "not an address");
  check_bad("a1:d:access:n:[1:2:3:4:5:6:7:]", "not an address");
  check_bad("a1:d:access:n:[::1:]", "not an address");
  check_bad("a1:d:access:n:[12345::]", "not an address");
  check_bad("a1:d:access:n:[fe80::1%eth0]", "not an address");
}

TEST_CASE("an id must be a valid name for a socket") {
  check_bad(":d:access:n:10.0.0.1", "is empty");
  check_bad("../x:d:access:n:10.0.0.1", "slash");
  check_bad("..:d:access:n:10.0.0.1", "directory");
  check_bad(".:d:access:n:10.0.0.1", "directory");
  check_bad("delayed:d:access:n:10.0.0.1", "delayed messages");
  check_bad("a\x01z:d:access:n:10.0.0.1", "control byte");
  check_bad(std::string("a\0z:d:access:n:10.0.0.1", 23), "control byte");
  check_bad(std::string(256, 'a') + ":d:access:n:10.0.0.1", "256 bytes long");
}

TEST_CASE("an id must fit in the path of its socket") {
  const auto table = parse("abcde:d:access:n:10.0.0.1\nabcdef:d:access:n:10.0.0.2\n",
                           {.own_id = "", .resolve_without_ip = false, .longest_id = 5});
  REQUIRE(table.hosts.size() == 1);
  CHECK(table.hosts[0].id == "abcde");
  CHECK(told(table) ==
        std::vector<std::string>{"hosts.tab:2: error: the id \"abcdef\" is 6 bytes long, but only 5 fit in the path of "
                                 "its socket; use a shorter id or a shorter socket-dir"});
}

TEST_CASE("of a duplicate id the first line is kept, and both are named") {
  const auto table = parse("a1:d:access:n:10.0.0.1\n\na1:d:library:m:10.0.0.2\na1:d:library:m:10.0.0.3\n");
  REQUIRE(table.hosts.size() == 1);
  CHECK(table.hosts[0].address == "10.0.0.1");
  REQUIRE(table.problems.size() == 2);
  CHECK(to_string(table.problems[0]) ==
        "hosts.tab:3: error: the id \"a1\" is already used (line 1); that line is kept; remove one of the two lines");
  CHECK(table.problems[1].line == 4);
}

TEST_CASE("ids that share an address cause one warning for each address") {
  const auto table = parse(
      "a1:d:access:n:10.0.0.1\nb1:d:access:n:10.0.0.2\nc1:d:access:n:10.0.0.1\nd1:d:access:n:10.0.0.1\n"
      "e1:d:access:N.x:http\nf1:d:access:n.X:https\ng1:d:access:n:[2001:db8::1]\nh1:d:access:n:[2001:DB8:0::0:1]\n");
  CHECK(table.hosts.size() == 8);
  REQUIRE(table.problems.size() == 3);
  CHECK(table.problems[0].kind == Problem::Kind::warning);
  CHECK(contains(to_string(table.problems[0]),
                 "hosts.tab:3: warning: \"a1\" (line 1) and \"c1\" (line 3) and 1 more "
                 "share the address 10.0.0.1"));
  CHECK(contains(to_string(table.problems[1]), "\"e1\" (line 5) and \"f1\" (line 6) share the name N.x"));
  CHECK(contains(to_string(table.problems[2]), "\"g1\" (line 7) and \"h1\" (line 8) share the address 2001:db8::1"));
}

TEST_CASE("a missing own id causes a warning") {
  const HostTableRules rules{.own_id = "me", .resolve_without_ip = false, .longest_id = 0};
  CHECK(parse("me:d:library:n:10.0.0.1\n", rules).problems.empty());

  const auto missing = parse("a1:d:access:n:10.0.0.1\n", rules);
  CHECK(told(missing) ==
        std::vector<std::string>{"hosts.tab: warning: this server's own id \"me\" is in no usable line; "
                                 "add a line for it, or correct host-id (lonHostID)"});

  const auto skipped = parse("me:d:access:n:\n", rules);
  REQUIRE(skipped.problems.size() == 2);
  CHECK(contains(skipped.problems[1].text, "\"me\" has no address and was skipped (line 1)"));
}

TEST_CASE("text from outside is escaped in a problem") {
  const auto table = parse("<b>\x1b:d:access:n:10.0.0.1\n");
  REQUIRE(table.problems.size() == 1);
  CHECK(contains(table.problems[0].text, "&lt;b&gt;\\x1"));
  CHECK_FALSE(contains(table.problems[0].text, "\x1b"));
}

TEST_CASE("problems are in the order of the lines, those of the whole file last") {
  const auto table = parse("x1:d:access:n\na1:d:access:n:10.0.0.1\nb1:d:access:n:10.0.0.1\nbad\n");
  REQUIRE(table.problems.size() == 3);
  CHECK(table.problems[0].line == 3);
  CHECK(table.problems[1].line == 4);
  CHECK(table.problems[2].line == 0);
}

TEST_CASE("ten thousand lines, half of them with a problem, are read correctly") {
  std::string text;
  for (int i = 0; i < 10'000; ++i) {
    text +=
        "h" + std::to_string(i) + ":d:access:n:10.0." + std::to_string(i / 200) + '.' + std::to_string(i % 100) + '\n';
  }
  const auto table = parse(text, {.own_id = "h9999", .resolve_without_ip = false, .longest_id = 90});
  REQUIRE(table.hosts.size() == 10'000);
  CHECK(table.hosts[9'999] == Host{"h9999", "d", "access", "n", "10.0.49.99", 10'000});
  CHECK(table.problems.size() == 5'000);  // each address is used twice
  CHECK(std::is_sorted(table.problems.begin(), table.problems.end(),
                       [](const Problem& a, const Problem& b) { return a.line < b.line; }));
}

TEST_CASE("hosts that a new table no longer has are named in the order of the old one") {
  const auto before = parse("c:d:r:n:10.0.0.1\na:d:r:n:10.0.0.2\nb:d:r:n:10.0.0.3\n");
  const auto after = parse("d:d:r:n:10.0.0.4\nb:d:r:n:10.0.0.3\n");
  CHECK(removed_ids(before, after) == std::vector<std::string>{"c", "a"});
  CHECK(removed_ids(before, before).empty());
}

TEST_CASE("a table without the own id, or without most of the hosts, is taken for an incomplete file") {
  const auto of = [](std::string_view ids) {
    std::string text;
    for (const char id : ids) text += std::string(1, id) + ":d:r:n:10.0.0." + std::to_string(id - 'a' + 1) + "\n";
    return parse(text);
  };
  CHECK(missing_part(of("abcd"), of("abcd"), "a").empty());
  CHECK(missing_part(of("abc"), of("a"), "a").empty());   // of so few hosts, most may be removed
  CHECK(missing_part(of("abcd"), of("ab"), "a").empty());  // half is not most
  CHECK(missing_part(of("abcd"), of("aefg"), "a") == "3 of 4 hosts (b, c, d)");
  CHECK(missing_part(of("ab"), of("b"), "a") == "this server's own id \"a\"");
  CHECK(missing_part(of("bc"), of("b"), "a").empty());  // it was not there before
  CHECK(missing_part(of("abcdefghijklmnop"), of("abc"), "a") ==
        "13 of 16 hosts (d, e, f, g, h, i, j, k, l, m and 3 more)");
}

TEST_CASE("a last line without a line end is used, with a warning: a part of the file may be missing") {
  const auto table = parse("# first\na1:d:access:n:10.0.0.1\nb1:d:access:n:10.0.0.3");
  CHECK(table.hosts.size() == 2);
  CHECK(told(table) == std::vector<std::string>{"hosts.tab:3: warning: the last line has no line end, so a part of the "
                                                "file may be missing; add what is missing, or the line end"});
  for (const char* text :
       {"", "\n", "a1:d:access:n:10.0.0.1\n", "a1:d:access:n:10.0.0.1\r\n", "a1:d:access:n:10.0.0.1\n  "}) {
    CAPTURE(text);
    CHECK(parse(text).problems.empty());
  }
}
