// Handshake with arbitrary input, through the LineFramer in front of it.
#include "fuzz_input.hpp"

#include <lonc/core/base/error.hpp>
#include <lonc/core/wire/handshake.hpp>
#include <lonc/core/wire/line_framer.hpp>

#include <algorithm>
#include <cstring>
#include <string>

namespace {

using fuzz::require;
using lonc::core::Handshake;
using lonc::core::LineFramer;

void check_warning(const std::string& warning) {
  const bool is_clean = std::all_of(warning.begin(), warning.end(),
                                    [](char c) { return c >= 0x20 && c <= 0x7e && c != '<' && c != '>'; });
  require(is_clean, "a warning can be logged as it is");
  require(warning.size() < 4096, "a warning is short");
}

// False if the handshake has ended, successfully or not.
bool hear(Handshake& handshake, std::string_view line) {
  const auto before = handshake.step();
  std::string send = "left over";
  const auto error = handshake.on_line(line, send);
  if (error) {
    require(send.empty() && handshake.step() == before, "an error sends nothing and leaves the step");
    require(!error.message().empty(), "an error can be told");
    return false;
  }
  require(before < handshake.step(), "each good line is a step forward");
  require(send.find('\n') == std::string::npos, "one line is sent");
  require(send.size() <= Handshake::line_limit, "nothing long is sent");
  require(send.empty() == (handshake.step() == Handshake::Step::done), "something is sent until all is done");
  require(before != Handshake::Step::init || send == line, "the challenge goes back as it came");
  require(before != Handshake::Step::challenge || line == "ok", "only ok is ok");
  check_warning(handshake.take_warning());
  require(handshake.take_warning().empty(), "a warning is told once");
  return handshake.step() != Handshake::Step::done;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input{data, size};
  const bool send_pong = input.byte() % 2 == 0;
  const std::size_t piece = 1U + input.byte();
  const std::string peer_id{input.line()};
  const std::string own_id{input.line()};

  Handshake handshake{peer_id, own_id, send_pong};
  LineFramer framer{Handshake::line_limit};
  while (!input.is_empty()) {
    const std::string_view bytes = input.text(piece);
    std::memcpy(framer.prepare().data(), bytes.data(), bytes.size());
    framer.commit(bytes.size());
    std::string_view line;
    for (auto result = framer.next(line); result != LineFramer::Result::need_more; result = framer.next(line)) {
      if (result == LineFramer::Result::too_long || !hear(handshake, line)) return 0;
    }
  }
  return 0;
}
