// hosts.tab as arbitrary bytes: every accepted host can be used, and every problem can be shown.
#include "fuzz_input.hpp"

#include <lonc/core/hosts/host_table.hpp>

#include <algorithm>
#include <set>
#include <string>

namespace {

using fuzz::require;

void check_host(const lonc::core::Host& host, std::size_t longest_id) {
  require(lonc::core::host_id_fault(host.id).empty(), "an id can be the name of a socket");
  require(longest_id == 0 || host.id.size() <= longest_id, "an id fits in the path of its socket");
  require(host.line > 0, "a host has its line");
  require(host.address.find_first_not_of("0123456789abcdefABCDEF.:") == std::string::npos, "an address is numeric");
  require(!host.address.empty() || !host.name.empty(), "there is something to connect to");
}

void check_problem(const lonc::core::Problem& problem) {
  const auto is_clean = [](char c) { return c >= 0x20 && c <= 0x7e && c != '<' && c != '>'; };
  require(std::all_of(problem.text.begin(), problem.text.end(), is_clean), "a problem can be shown");
  require(problem.text.size() < 1000, "a problem is short");
  require(!problem.remedy.empty(), "a problem has a remedy");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input{data, size};
  lonc::core::HostTableRules rules;
  rules.resolve_without_ip = (input.byte() & 1) != 0;
  rules.longest_id = input.byte();
  rules.own_id = input.line();
  const auto text = input.rest();
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;

  const auto table = lonc::core::parse_host_table(text, "hosts.tab", rules);
  require(table.hosts.size() <= lines, "no more hosts than lines");
  require(table.problems.size() <= lines + 2, "one problem a line, and two about the whole");
  std::set<std::string> ids;
  for (const auto& host : table.hosts) {
    check_host(host, rules.longest_id);
    require(ids.insert(host.id).second, "no id is there twice");
  }
  for (const auto& problem : table.problems) check_problem(problem);
  return 0;
}
