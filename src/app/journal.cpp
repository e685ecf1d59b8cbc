#include <lonc/app/journal.hpp>

#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>

#define SD_JOURNAL_SUPPRESS_LOCATION  // where in this file a line is sent from tells nobody anything
#include <systemd/sd-journal.h>

#include <string_view>

namespace lonc::app {
namespace {

int syslog_priority(core::Severity severity) {
  switch (severity) {
    case core::Severity::debug:
      return LOG_DEBUG;
    case core::Severity::notice:  // the daily business: what the classic log has without a word before it
      return LOG_INFO;
    case core::Severity::info:
      return LOG_NOTICE;
    case core::Severity::warning:
      return LOG_WARNING;
    case core::Severity::critical:
      return LOG_CRIT;
  }
  return LOG_INFO;
}

std::string field(std::string_view name, std::string_view value) {
  std::string text{name};
  text += '=';
  append_one_line(text, value);
  return text;
}

}  // namespace

bool leads_to_journal(int fd, const char* journal_stream) {
  struct stat info{};
  if (journal_stream == nullptr || ::fstat(fd, &info) != 0) return false;
  return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino) == journal_stream;
}

std::vector<std::string> journal_fields(const LogLine& line) {
  std::vector<std::string> fields{
      field("MESSAGE", line.message),
      field("PRIORITY", std::to_string(syslog_priority(line.severity))),
      field("SYSLOG_IDENTIFIER", "lonc"),
      field("STATE", line.status),
  };
  if (line.server != "PARENT") fields.push_back(field("PEER", line.server));
  if (!line.command.empty()) fields.push_back(field("COMMAND", line.command));
  return fields;
}

std::error_code send_to_journal(const LogLine& line) {
  std::vector<std::string> fields = journal_fields(line);
  std::vector<iovec> parts;
  parts.reserve(fields.size());
  for (std::string& text : fields) parts.push_back({text.data(), text.size()});
  const int result = ::sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
  return result < 0 ? std::error_code{-result, std::system_category()} : std::error_code{};
}

}  // namespace lonc::app
