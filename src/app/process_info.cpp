#include <lonc/app/process_info.hpp>

#include <fstream>
#include <iterator>

namespace lonc::app {

std::optional<std::string> process_name(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  // "PID (NAME) STATE ...", and NAME may hold parentheses itself.
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open || close + 2 >= text.size()) {
    return std::nullopt;
  }
  const char state = text[close + 2];
  if (state == 'Z' || state == 'X') return std::nullopt;
  return text.substr(open + 1, close - open - 1);
}

}  // namespace lonc::app
