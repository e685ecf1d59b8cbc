#include <lonc/app/check.hpp>

#include <lonc/app/machine_check.hpp>
#include <lonc/app/setting_table.hpp>
#include <lonc/core/text.hpp>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace lonc::app {

namespace {

using core::Problem;

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

std::string settings_in_force(const LoadedSettings& loaded) {
  constexpr std::size_t widest_value = 40;  // a longer one shifts only its own line
  std::size_t name_width = 0;
  std::size_t value_width = 0;
  for (const auto& setting : setting_table()) {
    name_width = std::max(name_width, setting.name.size());
    value_width = std::max(value_width, std::min(setting.get(loaded.settings).size(), widest_value));
  }
  std::string text = "Settings in force:\n";
  for (const auto& setting : setting_table()) {
    text += "  " + padded(setting.name, name_width) + " = " + padded(setting.get(loaded.settings), value_width) +
            "  # " + to_string(loaded.origins.at(setting.name)) + '\n';
  }
  return text;
}

std::string settings_of_peers(const LoadedSettings& loaded) {
  std::string text;
  for (const auto& [id, values] : loaded.settings.of_peers) {
    if (values.empty()) continue;
    text += "\nOf the peer " + core::escape_outside_text(id) + ":\n";
    for (const auto& [name, value] : values) {
      text += "  " + name + " = " + value + "  # " + to_string(loaded.origins.at(origin_key(id, name))) + '\n';
    }
  }
  return text;
}

std::string hosts_in_use(const HostTableFile& hosts) {
  if (hosts.error) return "Peers: none, " + hosts.path + " can not be read\n";
  const auto& all = hosts.table.hosts;
  const auto by_name = std::count_if(all.begin(), all.end(), [](const auto& host) { return host.address.empty(); });
  std::string text = "Peers: " + std::to_string(all.size()) + " in " + hosts.path;
  if (by_name > 0) text += ", " + std::to_string(by_name) + " of them to be looked up by name";
  return text + '\n';
}

bool is_error(const Problem& problem) { return problem.kind == Problem::Kind::error; }

}  // namespace

Findings collect_problems(const LoadedSettings& loaded, const HostTableFile& hosts) {
  Findings findings;
  findings.problems = loaded.problems;
  auto machine = check_machine(loaded, hosts.table.hosts.size());
  std::move(machine.begin(), machine.end(), std::back_inserter(findings.problems));
  if (hosts.error) {
    findings.problems.push_back({Problem::Kind::error, hosts.path, 0, "can not be read: " + hosts.error.message(),
                                 "let " + loaded.settings.user + " read it, or correct tab-dir (lonTabDir)"});
  }
  findings.would_start = std::none_of(findings.problems.begin(), findings.problems.end(), is_error);

  std::copy(hosts.table.problems.begin(), hosts.table.problems.end(), std::back_inserter(findings.problems));
  if (!hosts.path.empty() && !hosts.error && hosts.table.hosts.empty()) {
    findings.problems.push_back(
        {Problem::Kind::warning, hosts.path, 0, "there is no usable host in it", "add lines id:domain:role:name:ip"});
  }
  return findings;
}

CheckReport check(const LoadedSettings& loaded, const HostTableFile& hosts) {
  if (hosts.path.empty()) return check(loaded, read_host_table(loaded.settings));
  const auto findings = collect_problems(loaded, hosts);
  CheckReport report;
  report.would_start = findings.would_start;
  report.text = settings_in_force(loaded) + settings_of_peers(loaded) + '\n' + hosts_in_use(hosts) + '\n';
  if (!findings.problems.empty()) {
    report.text += "Problems:\n";
    for (const auto& problem : findings.problems) report.text += "  " + to_string(problem) + '\n';
    report.text += '\n';
  }
  report.text += findings.would_start ? "lonc would start.\n" : "lonc would not start.\n";
  return report;
}

}  // namespace lonc::app
