#include "support/catch.hpp"

#include <lonc/core/wire/line_framer.hpp>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

using lonc::core::LineFramer;
using Result = lonc::core::LineFramer::Result;

namespace {

constexpr std::size_t one_read = 16 * 1024;

void receive(LineFramer& framer, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto room = framer.prepare();
    REQUIRE(room.size() >= 4096);
    const std::size_t size = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), size);
    framer.commit(size);
    bytes.remove_prefix(size);
  }
}

// All lines that are available now; a line that was too long is "!".
void take(LineFramer& framer, std::vector<std::string>& lines) {
  std::string_view line;
  for (;;) {
    switch (framer.next(line)) {
      case Result::line:
        lines.emplace_back(line);
        break;
      case Result::too_long:
        lines.emplace_back("!");
        break;
      case Result::need_more:
        return;
    }
  }
}

std::vector<std::string> taken(LineFramer& framer, std::string_view bytes) {
  std::vector<std::string> lines;
  receive(framer, bytes);
  take(framer, lines);
  return lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("lines are returned without their line end") {
  LineFramer framer{100};
  CHECK(taken(framer, "ping\n") == Lines{"ping"});
  CHECK(taken(framer, "a\nb\r\n\n\nc\n") == Lines{"a", "b\r", "", "", "c"});
  CHECK(taken(framer, std::string_view{"x\0y\n", 4}) == Lines{std::string{"x\0y", 3}});
  CHECK_FALSE(framer.has_bytes());
}

TEST_CASE("an empty framer needs more") {
  LineFramer framer{100};
  std::string_view line;
  CHECK(framer.next(line) == Result::need_more);
  CHECK_FALSE(framer.has_bytes());
  CHECK(framer.prepare().size() >= 4096);
  framer.commit(0);
  CHECK(framer.next(line) == Result::need_more);
}

TEST_CASE("a part of a line waits for the rest") {
  LineFramer framer{100};
  CHECK(taken(framer, "pi").empty());
  CHECK(framer.has_bytes());
  CHECK(taken(framer, "ng").empty());
  CHECK(taken(framer, "\nput:") == Lines{"ping"});
  CHECK(framer.has_bytes());
  CHECK(taken(framer, "x\n") == Lines{"put:x"});
}

TEST_CASE("lines that have not been taken yet are kept while more arrive") {
  LineFramer framer{100'000};
  receive(framer, "first\nsecond\nthi");
  std::string_view line;
  REQUIRE(framer.next(line) == Result::line);
  CHECK(line == "first");
  CHECK(framer.has_bytes());
  receive(framer, std::string(50'000, 'x') + "\n");
  std::vector<std::string> lines;
  take(framer, lines);
  CHECK(lines == Lines{"second", "thi" + std::string(50'000, 'x')});
}

// The rest of a buffer is moved to its front, or to another buffer.
TEST_CASE("the rest behind a line is kept whatever their lengths") {
  for (const std::size_t first : {1U, 4'000U, 4'607U, 4'608U, 7'000U, 11'000U, 16'383U, 40'000U, 70'000U}) {
    for (const std::size_t rest : {1U, 2U, 4'095U, 4'096U, 4'097U, 5'500U, 11'776U, 11'777U, 16'384U, 30'000U}) {
      std::string text(rest, '\0');
      for (std::size_t i = 0; i != rest; ++i) text[i] = static_cast<char>('a' + (i + i / 26) % 26);
      LineFramer framer{100'000};
      std::vector<std::string> lines;
      receive(framer, std::string(first, 'x') + "\n" + text);
      take(framer, lines);
      receive(framer, "end\n");
      take(framer, lines);
      REQUIRE(lines == Lines{std::string(first, 'x'), text + "end"});
    }
  }
}

TEST_CASE("every split of a stream into two or three pieces gives the same lines") {
  const std::string stream = "ping\n\nput:a:b\n12345678\n123456789\nxxxxxxxxxxxxxxxxx\r\nlast\nrest";
  const Lines expected{"ping", "", "put:a:b", "12345678", "!", "!", "last"};
  for (std::size_t first = 0; first <= stream.size(); ++first) {
    for (std::size_t second = first; second <= stream.size(); ++second) {
      LineFramer framer{8};
      Lines lines;
      const std::string_view view = stream;
      receive(framer, view.substr(0, first));
      take(framer, lines);
      receive(framer, view.substr(first, second - first));
      take(framer, lines);
      receive(framer, view.substr(second));
      take(framer, lines);
      REQUIRE(lines == expected);
      REQUIRE(framer.has_bytes());
    }
  }
}

TEST_CASE("one byte at a time") {
  LineFramer framer{8};
  Lines lines;
  for (const char c : std::string{"ping\n123456789\n\n12345678\n"}) {
    receive(framer, {&c, 1});
    take(framer, lines);
  }
  CHECK(lines == Lines{"ping", "!", "", "12345678"});
}

TEST_CASE("the limit counts the bytes of a line without its line end") {
  LineFramer framer{5};
  CHECK(taken(framer, "12345\n") == Lines{"12345"});
  CHECK(taken(framer, "123456\nok\n") == Lines{"!", "ok"});
  CHECK(taken(framer, "12345").empty());
  CHECK(taken(framer, "6") == Lines{"!"});
  CHECK(taken(framer, "\nok\n") == Lines{"ok"});
  LineFramer none{0};
  CHECK(taken(none, "\nx\n\n") == Lines{"", "!", ""});
}

TEST_CASE("a line that is too long is reported once and skipped up to its end") {
  LineFramer framer{5};
  CHECK(taken(framer, "123456") == Lines{"!"});
  CHECK(framer.is_discarding());
  CHECK_FALSE(framer.has_bytes());
  CHECK(taken(framer, "789").empty());
  CHECK(taken(framer, std::string(100'000, 'x')).empty());
  CHECK(framer.is_discarding());
  CHECK(taken(framer, "xx\nping\n") == Lines{"ping"});
  CHECK_FALSE(framer.is_discarding());
  CHECK(taken(framer, "1234567\n") == Lines{"!"});
  CHECK_FALSE(framer.is_discarding());
}

TEST_CASE("a new limit applies to buffered data") {
  LineFramer framer{5};
  CHECK(taken(framer, "1234").empty());
  framer.set_limit(3);
  CHECK(taken(framer, "") == Lines{"!"});
  framer.set_limit(10);
  CHECK(taken(framer, "5\n1234567890\n") == Lines{"1234567890"});
}

TEST_CASE("the largest possible limit works") {
  LineFramer framer{std::string::npos};
  const std::string line(1'000'000, 'x');
  CHECK(taken(framer, line + "\nping\n") == Lines{line, "ping"});
}

TEST_CASE("a line of the maximum length fits, and memory stays near the limit") {
  for (const std::size_t limit : {1000U, 4096U, 70'000U, 1'000'000U}) {
    LineFramer framer{limit};
    Lines lines;
    std::size_t most = 0;
    for (std::size_t size = 0; size < limit; size += 1000) {
      receive(framer, std::string(std::min<std::size_t>(1000, limit - size), 'x'));
      take(framer, lines);
      most = std::max(most, framer.capacity());
    }
    REQUIRE(lines.empty());
    receive(framer, "\n");
    take(framer, lines);
    CHECK(lines == Lines{std::string(limit, 'x')});
    CHECK(std::max(most, framer.capacity()) <= limit + one_read);
  }
}

TEST_CASE("an endless line costs no more memory than the limit") {
  LineFramer framer{100'000};
  Lines lines;
  std::size_t most = 0;
  for (int i = 0; i < 10'000; ++i) {
    receive(framer, std::string(1000, 'x'));
    take(framer, lines);
    most = std::max(most, framer.capacity());
  }
  CHECK(lines == Lines{"!"});
  CHECK(most <= 100'000 + one_read);
  CHECK(framer.capacity() <= one_read);
}

TEST_CASE("the memory of a long line is released") {
  LineFramer framer{16 * 1024 * 1024};
  CHECK(taken(framer, std::string(1'000'000, 'x') + "\n").size() == 1);
  CHECK(framer.capacity() <= one_read);
  CHECK(taken(framer, std::string(1'000'000, 'y') + "\nbegin").size() == 1);
  CHECK(framer.capacity() <= one_read);
  CHECK(taken(framer, " of the next\n") == Lines{"begin of the next"});
}

TEST_CASE("a short request costs little memory") {
  LineFramer framer{16 * 1024 * 1024};
  CHECK(framer.capacity() == 0);
  CHECK(taken(framer, "ping\n") == Lines{"ping"});
  CHECK(framer.capacity() == 4608);
  for (int i = 0; i < 10'000; ++i) taken(framer, "put:msu:korte:environment:a=b\nping\npi");
  CHECK(framer.capacity() <= one_read);
}

TEST_CASE("a stream that fills the buffer gets a larger one") {
  LineFramer framer{16 * 1024 * 1024};
  const auto room = framer.prepare();
  std::fill(room.begin(), room.end(), '\n');
  framer.commit(room.size());
  Lines lines;
  take(framer, lines);
  CHECK(lines.size() == room.size());
  CHECK(framer.prepare().size() == one_read);
}

// Scanning old data again would make this 16 MB * 262144 pieces / 2, and exceed the time limit of tests.
TEST_CASE("a long line in small pieces is scanned once") {
  LineFramer framer{16 * 1024 * 1024};
  Lines lines;
  const std::string piece(64, 'x');
  for (int i = 0; i < 262'144; ++i) {
    receive(framer, piece);
    take(framer, lines);
  }
  CHECK(taken(framer, "\n").front().size() == 16 * 1024 * 1024);
}

// One line out, one line in, while 2 MB of lines just fill the buffer.
TEST_CASE("a reader that takes one line at a time does not cause the buffer to be moved each time") {
  LineFramer framer{16};
  std::string many;
  while (many.size() + 11 + 4096 <= 2 * 1024 * 1024) many += "0123456789\n";
  receive(framer, many);
  REQUIRE(framer.capacity() == 2 * 1024 * 1024);
  std::string_view line;
  std::size_t count = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    if (framer.next(line) == Result::line && line == "0123456789") ++count;
    const auto room = framer.prepare();
    std::memcpy(room.data(), "0123456789\n", 11);
    framer.commit(11);
  }
  CHECK(count == 1'000'000);
  CHECK(framer.capacity() <= 4 * many.size());
}
