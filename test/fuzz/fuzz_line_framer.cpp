// LineFramer compared with a simple splitter: however a stream is split and however late lines are taken, the events
// are those of the whole stream.
#include "fuzz_input.hpp"

#include <lonc/core/wire/line_framer.hpp>

#include <cstring>
#include <string>
#include <vector>

namespace {

using lonc::core::LineFramer;
using Events = std::vector<std::string>;
using fuzz::require;

Events expected_events(std::string_view stream, std::size_t limit) {
  Events events;
  while (!stream.empty()) {
    const std::size_t newline = stream.find('\n');
    const std::string_view line = stream.substr(0, newline);
    if (line.size() > limit) {
      events.emplace_back("too long");
    } else if (newline != std::string_view::npos) {
      events.push_back("line " + std::string{line});
    }
    if (newline == std::string_view::npos) break;
    stream.remove_prefix(newline + 1);
  }
  return events;
}

// At most `most` events; false if there was nothing more to take.
bool take(LineFramer& framer, std::size_t limit, std::size_t most, Events& events) {
  std::string_view line;
  for (std::size_t i = 0; i < most; ++i) {
    switch (framer.next(line)) {
      case LineFramer::Result::line:
        require(line.size() <= limit, "a line respects the limit");
        events.push_back("line " + std::string{line});
        break;
      case LineFramer::Result::too_long:
        events.emplace_back("too long");
        break;
      case LineFramer::Result::need_more:
        require(!framer.is_discarding() || !framer.has_bytes(), "what is passed over is not kept");
        require(framer.capacity() <= limit + 96 * 1024, "memory stays near the limit");
        return false;
    }
  }
  return true;
}

void receive(LineFramer& framer, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto room = framer.prepare();
    require(room.size() >= 4096, "there is room to receive into");
    const std::size_t size = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), size);
    framer.commit(size);
    bytes.remove_prefix(size);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input{data, size};
  const std::size_t limit = std::size_t{input.byte()} << (input.byte() % 10);
  const std::size_t repeat = input.byte() == 255 ? 300U : 1U;  // lines that need the buffer to grow
  const std::size_t most = 1U + input.byte() % 8U;

  LineFramer framer{limit};
  std::string stream;
  Events events;
  while (!input.is_empty()) {
    const std::size_t length = input.byte() % 64U;
    const std::string_view piece = input.text(length);
    for (std::size_t i = 0; i < repeat; ++i) {
      stream += piece;
      receive(framer, piece);
      take(framer, limit, most, events);
    }
  }
  while (take(framer, limit, most, events)) {
  }
  require(events == expected_events(stream, limit), "the events are those of the whole stream");
  return 0;
}
