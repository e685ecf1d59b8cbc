// The terminal that standard output may be: its look and size, and a time during which it belongs to one screen.
#pragma once

#include "table.hpp"

#include <termios.h>

#include <chrono>
#include <cstddef>

namespace lonc::ctl {

bool is_output_terminal();

// Colour and width are for terminals only, colour not with NO_COLOR or TERM=dumb. Anything else gets plain long lines.
Look output_look();

// Lines of the terminal.
std::size_t terminal_height();

// From here to its end: another screen, no echo, keys at once, and INT, TERM, HUP noted, not obeyed, so that the
// terminal is restored first. Only one at a time.
class Screen {
 public:
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // Waits for `time` at most; with none it only looks. True, from then on, if the user wants to end: by q, ctrl-C, a
  // signal, or the end of the input.
  bool wants_end(std::chrono::milliseconds time);

 private:
  void take_key();

  bool has_input_ = false;
  bool is_ended_ = false;  // by a key, or the end of the input
  termios before_{};
};

}  // namespace lonc::ctl
