// Standard output as a terminal, if it is one: its style and size, and a full-screen mode.
#pragma once

#include "text.hpp"

#include <termios.h>

#include <chrono>
#include <cstddef>

namespace lonc::ctl {

bool is_output_terminal();

// Only a terminal gets a width and colour, and no colour with NO_COLOR or TERM=dumb. Anything else gets plain, uncut
// lines.
TextStyle output_style();

// The number of lines of the terminal.
std::size_t terminal_height();

// During its lifetime: the alternate screen, no echo, unbuffered keys. INT, TERM and HUP are only recorded, so that the
// terminal is restored before the program ends. Only one instance at a time.
class Screen {
 public:
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // Waits for at most `time`; zero only polls. True, and true from then on, once the user wants to end: by q, Ctrl-C, a
  // signal, or the end of the input.
  bool wants_end(std::chrono::milliseconds time);

 private:
  bool has_input_ = false;
  bool is_ended_ = false;  // by a key, or the end of the input
  termios before_{};
};

}  // namespace lonc::ctl
