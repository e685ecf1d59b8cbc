// A spool on a disk that loses what was not synced, with the log that it writes.
#pragma once

#include "core/spool/forgetful_disk.hpp"

#include <lonc/core/spool/spool.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lonc::core::test {

inline std::string name_of(int number, const std::string& host_id = "msul1") {
  return std::to_string(number) + ".0.1.put." + host_id;
}

struct SpoolHarness {
  explicit SpoolHarness(SpoolOptions with = {.line_limit = 100}) : options(with) { start({"msul1", "msul2"}); }

  void start(const std::vector<std::string>& hosts) {
    spool.emplace(
        disk, options,
        [this](Severity severity, std::string_view host_id, std::string_view text) { log(severity, host_id, text); },
        SpoolLogProgress{[this] { return logs.size(); }, [this] { return written; }});
    spool->set_hosts(hosts);
  }
  void log(Severity severity, std::string_view host_id, std::string_view text) {
    logs.push_back((severity == Severity::warning ? "WARNING " : "") + std::string(host_id) + ": " + std::string(text));
  }
  void leave(int number, const std::string& host_id = "msul1") {
    disk.leave(name_of(number, host_id), "put:" + std::to_string(number) + "\n");
  }
  // Logs the trouble that the spool has noted since the last call.
  void log_trouble() {
    for (const SpoolTrouble::LogLine& line : spool->take_trouble_log_lines()) log(line.severity, "", line.text);
  }
  DelayedBatch hand_out(const std::string& host_id = "msul1") { return spool->hand_out({host_id}).front(); }
  // "put:1 put:2"
  std::string lines(const std::string& host_id = "msul1") {
    std::string all;
    for (const DelayedMessage& message : hand_out(host_id).messages) all += (all.empty() ? "" : " ") + message.line;
    return all;
  }
  std::size_t count_logs(std::string_view part) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(logs, [&](const std::string& log) { return log.find(part) != std::string::npos; }));
  }
  std::size_t open() const { return open_records(parse_journal(disk.journal())).size(); }
  std::string reason_of(const std::string& name) const {
    const auto at = disk.quarantine().find(name);
    return at == disk.quarantine().end() ? "not set aside" : at->second;
  }

  SpoolOptions options;
  ForgetfulDisk disk;
  std::vector<std::string> logs;
  std::size_t written = 0;  // of them
  std::optional<Spool> spool;
};

}  // namespace lonc::core::test
