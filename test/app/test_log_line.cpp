#include "support/catch.hpp"

#include <lonc/app/log_line.hpp>

#include <cstdlib>
#include <ctime>

using lonc::app::append_log_line;
using lonc::app::LogLine;
using lonc::core::Severity;
using std::chrono::system_clock;

namespace {

LogLine line_of(Severity severity, std::string_view message) {
  ::setenv("TZ", "UTC0", 1);
  ::tzset();
  return {system_clock::from_time_t(1015559779), 4711,   severity, "msul1", "Connected",
          system_clock::from_time_t(1015559700), message};
}

std::string text_of(const LogLine& line) {
  std::string out;
  append_log_line(out, line);
  return out;
}

const std::string prefix = "Fri Mar  8 03:56:19 2002 (4711) [msul1] [Fri Mar  8 03:55:00 2002: Connected]: ";

}  // namespace

TEST_CASE("a log line has the classic shape") {
  CHECK(text_of(line_of(Severity::notice, "Connection opened")) == prefix + "Connection opened\n");
}

TEST_CASE("only info, warning and critical carry the words that loncron counts") {
  CHECK(text_of(line_of(Severity::debug, "x")) == prefix + "x\n");
  CHECK(text_of(line_of(Severity::notice, "x")) == prefix + "x\n");
  CHECK(text_of(line_of(Severity::info, "x")) == prefix + "INFO: x\n");
  CHECK(text_of(line_of(Severity::warning, "x")) == prefix + "WARNING: x\n");
  CHECK(text_of(line_of(Severity::critical, "x")) == prefix + "CRITICAL: x\n");
}

TEST_CASE("nothing in a log line can look like a second line") {
  LogLine line = line_of(Severity::notice, "a\nFri forged\r\tb\x7f");
  line.server = "ms\nul1";
  line.status = "Conn\nected";
  CHECK(text_of(line) ==
        "Fri Mar  8 03:56:19 2002 (4711) [ms ul1] [Fri Mar  8 03:55:00 2002: Conn ected]: a Fri forged  b \n");
}

TEST_CASE("a log line is appended to what is there") {
  std::string out = "before|";
  append_log_line(out, line_of(Severity::notice, "x"));
  CHECK(out == "before|" + prefix + "x\n");
}
