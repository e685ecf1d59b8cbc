#include <lonc/app/log_line.hpp>

#include <lonc/net/local_time.hpp>

#include <algorithm>
#include <cstddef>

namespace lonc::app {

std::string_view severity_prefix(core::Severity severity) {
  switch (severity) {
    case core::Severity::debug:
    case core::Severity::notice:
      return "";
    case core::Severity::info:
      return "INFO: ";
    case core::Severity::warning:
      return "WARNING: ";
    case core::Severity::critical:
      return "CRITICAL: ";
  }
  return "";
}

void append_one_line(std::string& out, std::string_view text) {
  const std::size_t start = out.size();
  out.append(text);
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(start), out.end(), is_control, ' ');
}

void append_log_line(std::string& out, const LogLine& line) {
  net::append_local_time(out, line.time);
  out += " (";
  out += std::to_string(line.pid);
  out += ") [";
  append_one_line(out, line.server);
  out += "] [";
  net::append_local_time(out, line.status_since);
  out += ": ";
  append_one_line(out, line.status);
  out += "]: ";
  out += severity_prefix(line.severity);
  append_one_line(out, line.message);
  out += '\n';
}

}  // namespace lonc::app
