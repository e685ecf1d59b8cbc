#include "terminal.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string_view>

namespace lonc::ctl {

namespace {

using std::chrono::milliseconds;

volatile sig_atomic_t end_signal = 0;

void note_signal(int number) { end_signal = number; }

winsize window() {
  winsize size{};
  ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
  return size;  // zeros if it is no terminal
}

// The value in the environment; empty if it is not set.
std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view{} : std::string_view{value};
}

void handle_ending_signals(void (*handler)(int)) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, handler);
}

}  // namespace

bool is_output_terminal() { return ::isatty(STDOUT_FILENO) == 1; }

TextStyle output_style() {
  if (!is_output_terminal()) return {};
  return {.has_colour = variable("NO_COLOR").empty() && variable("TERM") != "dumb", .width = window().ws_col};
}

std::size_t terminal_height() {
  constexpr std::size_t usual = 24;
  const std::size_t rows = window().ws_row;
  return rows == 0 ? usual : rows;
}

Screen::Screen() {
  end_signal = 0;
  handle_ending_signals(note_signal);
  has_input_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
  if (has_input_) {
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  std::cout << "\x1b[?1049h\x1b[?25l" << std::flush;
}

Screen::~Screen() {
  std::cout << "\x1b[?25h\x1b[?1049l" << std::flush;
  if (has_input_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  handle_ending_signals(SIG_DFL);
}

bool Screen::wants_end(milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (!is_ended_ && end_signal == 0) {
    const auto left =
        std::max(std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now()), milliseconds{0});
    pollfd input{.fd = has_input_ ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0};
    if (::poll(&input, 1, static_cast<int>(left.count())) > 0) {
      char key = 0;
      const ssize_t size = ::read(STDIN_FILENO, &key, 1);
      const bool is_over = size == 0 || (size < 0 && errno != EINTR && errno != EAGAIN);
      is_ended_ = is_over || key == 'q' || key == 'Q';
    } else if (left == milliseconds{0}) {
      return false;
    }
  }
  return true;
}

}  // namespace lonc::ctl
