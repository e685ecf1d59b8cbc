#include <lonc/core/hosts/host_table.hpp>

#include <lonc/core/base/text.hpp>

#include <arpa/inet.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace lonc::core {

namespace {

constexpr std::size_t longest_file_name = 255;
constexpr std::size_t longest_dns_name = 253;
constexpr std::string_view line_format = "a line is id:domain:role:name:ip";

bool is_dns_name(std::string_view name) {
  if (name.empty() || name.size() > longest_dns_name) return false;
  return std::ranges::all_of(name, [](char c) { return is_word_byte(c) || c == '-' || c == '.'; });
}

// Fields are separated by colons, except within brackets at the start of a field. False if a bracket is not closed.
bool split_fields(std::string_view line, std::vector<std::string_view>& fields) {
  fields.clear();
  std::size_t begin = 0;
  while (true) {
    const auto text = line.find_first_not_of(" \t", begin);
    std::size_t from = begin;
    if (text != std::string_view::npos && line[text] == '[') {
      from = line.find(']', text);
      if (from == std::string_view::npos) return false;
    }
    const auto end = line.find(':', from);
    fields.push_back(trim(line.substr(begin, end == std::string_view::npos ? end : end - begin)));
    if (end == std::string_view::npos) return true;
    begin = end + 1;
  }
}

std::string in_line(std::size_t line) { return " (line " + std::to_string(line) + ")"; }

class Parser {
 public:
  Parser(std::string_view file, const HostTableRules& rules) : file_(file), rules_(rules) {}

  HostTable parse(std::string_view text) {
    for_each_line(text, [this](std::string_view line, std::size_t number) { take_line(trim(line), number); });
    tell_shared();
    // No line has two problems, so sorting by line gives a complete order.
    std::ranges::sort(table_.problems, {}, &Problem::line);
    tell_without_ip();
    tell_open_end(text);
    tell_missing_own_id();
    return std::move(table_);
  }

 private:
  // All hosts that have the same address, or the same name that is looked up.
  struct Sharing {
    std::size_t first;   // index in hosts
    std::size_t second;  // valid if count > 1
    std::size_t count = 1;
  };

  void tell(std::size_t line, std::string text, std::string remedy, Problem::Kind kind = Problem::Kind::error) {
    table_.problems.push_back({kind, file_, line, std::move(text), std::move(remedy)});
  }

  void take_line(std::string_view line, std::size_t number) {
    if (line.empty() || line[0] == '#' || line[0] == '^') return;
    if (!split_fields(line, fields_))
      return tell(number, "a bracket is not closed", "write an IPv6 address as [2001:db8::1]");
    if (fields_.size() < 4) return tell(number, "too few fields", std::string(line_format));
    Host host;
    host.id = fields_[0];
    host.domain = fields_[1];
    host.role = fields_[2];
    host.name = fields_[3];
    host.line = number;
    if (is_good_id(host.id, number)) take_address(std::move(host), fields_.size() > 4 ? fields_[4] : "");
  }

  bool is_good_id(std::string_view id, std::size_t line) {
    if (const auto fault = host_id_fault(id); !fault.empty()) {
      tell(line, "the id " + quoted(id) + ' ' + std::string(fault), "correct the id");
      return false;
    }
    const auto longest = rules_.longest_id != 0 ? rules_.longest_id : longest_file_name;
    if (id.size() <= longest) return true;
    tell(line,
         "the id " + quoted(id) + " is " + std::to_string(id.size()) + " bytes long, but only " +
             std::to_string(longest) + " fit in the path of its socket",
         "use a shorter id or a shorter socket-dir");
    return false;
  }

  void take_address(Host host, std::string_view field) {
    if (field.empty()) {
      if (rules_.resolve_without_ip) return take_name(std::move(host));
      if (without_ip_++ == 0) first_without_ip_ = host.line;
      if (host.id == rules_.own_id) own_without_ip_ = host.line;
      return;
    }
    if (field == "http" || field == "https") return take_name(std::move(host));
    const bool is_ipv6 = field.front() == '[' && field.back() == ']';
    if (is_ipv6) field = field.substr(1, field.size() - 2);
    const auto bytes = is_ipv6 ? parse_ipv6(field) : parse_ipv4(field);
    if (!bytes)
      return tell(host.line, quoted(field) + " is not an address",
                  "the fifth field is an IPv4 address, an IPv6 address in brackets, http or https");
    if (!is_of_one_machine(*bytes))
      return tell(host.line, quoted(field) + " is not the address of a single server",
                  "write the address of " + quoted(host.id) + ", or remove the line if the server is retired");
    host.address = field;
    add(std::move(host), std::string(bytes->begin(), bytes->end()));
  }

  void take_name(Host host) {
    if (!is_dns_name(host.name))
      return tell(host.line, quoted(host.name) + " is not a host name, and there is no address to use",
                  std::string(line_format));
    std::string key = "name " + to_lower(host.name);
    add(std::move(host), std::move(key));
  }

  void add(Host host, std::string place) {
    const auto [known, is_new] = index_by_id_.try_emplace(host.id, table_.hosts.size());
    if (!is_new) {
      const auto& kept = table_.hosts[known->second];
      return tell(host.line,
                  "the id " + quoted(host.id) + " is already used" + in_line(kept.line) + "; that line is kept",
                  "remove one of the two lines");
    }
    const auto index = table_.hosts.size();
    const auto [sharing, is_alone] = by_place_.try_emplace(std::move(place), Sharing{index, 0});
    if (!is_alone && ++sharing->second.count == 2) {
      sharing->second.second = index;
      shared_.push_back(&sharing->second);
    }
    table_.hosts.push_back(std::move(host));
  }

  void tell_shared() {
    for (const auto* sharing : shared_) {
      const auto& first = table_.hosts[sharing->first];
      const auto& second = table_.hosts[sharing->second];
      std::string text = quoted(first.id) + in_line(first.line) + " and " + quoted(second.id) + in_line(second.line);
      if (sharing->count > 2) text += " and " + std::to_string(sharing->count - 2) + " more";
      text += first.address.empty() ? " share the name " + first.name : " share the address " + first.address;
      tell(second.line, text + ": the two ends may derive different keys, and encrypted requests then fail",
           "give each id an address of its own, or remove ids that are not used", Problem::Kind::warning);
    }
  }

  void tell_without_ip() {
    if (without_ip_ == 0) return;
    tell(0,
         counted(without_ip_, "line") + " without an address skipped (the first is line " +
             std::to_string(first_without_ip_) + ")",
         "set hosts-without-ip = resolve to look up the names", Problem::Kind::note);
  }

  // If the file is only half written, the last address may lack a digit.
  void tell_open_end(std::string_view text) {
    if (text.empty() || text.ends_with('\n') || trim(text.substr(text.rfind('\n') + 1)).empty()) return;
    tell(1 + static_cast<std::size_t>(std::ranges::count(text, '\n')),
         "the last line has no line end, so a part of the file may be missing", "add what is missing, or the line end",
         Problem::Kind::warning);
  }

  void tell_missing_own_id() {
    if (rules_.own_id.empty() || index_by_id_.contains(rules_.own_id)) return;
    const std::string text = "this server's own id " + quoted(rules_.own_id);
    if (own_without_ip_ == 0)
      return tell(0, text + " is in no usable line", "add a line for it, or correct host-id (lonHostID)",
                  Problem::Kind::warning);
    tell(0, text + " has no address and was skipped" + in_line(own_without_ip_),
         "add the address, or set hosts-without-ip = resolve", Problem::Kind::warning);
  }

  std::string file_;
  const HostTableRules& rules_;
  HostTable table_;
  std::vector<std::string_view> fields_;
  std::unordered_map<std::string, std::size_t> index_by_id_;
  std::unordered_map<std::string, Sharing> by_place_;
  std::vector<const Sharing*> shared_;  // elements of by_place_, whose addresses are stable
  std::size_t without_ip_ = 0;
  std::size_t first_without_ip_ = 0;
  std::size_t own_without_ip_ = 0;
};

// Asio parses with the same function, so what is accepted as an address here is also accepted when connecting to it.
bool parse_address(int family, std::string_view text, std::uint8_t* bytes) {
  if (text.find('\0') != std::string_view::npos) return false;
  return ::inet_pton(family, std::string(text).c_str(), bytes) == 1;
}

}  // namespace

std::string_view host_id_fault(std::string_view id) {
  if (id.empty()) return "is empty";
  if (id == "." || id == "..") return "is the name of a directory";
  // socket-dir/delayed holds the delayed messages.
  if (id == "delayed") return "is the name of the directory of the delayed messages";
  for (const char c : id) {
    if (c == '/') return "contains a slash, so it cannot be the name of a socket";
    if (c == ':') return "contains a colon, which separates the fields of hosts.tab";
    if (is_control(c)) return "contains a control byte";
    // Log and status contain ids unescaped and are put into web pages.
    if (c == '<' || c == '>' || c == '&') return "contains an angle bracket or an ampersand, as no host id does";
  }
  return {};
}

std::vector<std::string> removed_ids(const HostTable& before, const HostTable& after) {
  std::unordered_set<std::string_view> kept;
  for (const Host& host : after.hosts) kept.insert(host.id);
  std::vector<std::string> removed;
  for (const Host& host : before.hosts) {
    if (!kept.contains(host.id)) removed.push_back(host.id);
  }
  return removed;
}

std::string missing_part(const HostTable& before, const HostTable& after, std::string_view own_id) {
  constexpr std::size_t fewest_hosts = 4;  // in a smaller network half of the hosts may well be removed at once
  const auto removed = removed_ids(before, after);
  if (std::ranges::find(removed, own_id) != removed.end()) return "this server's own id " + quoted(own_id);
  if (before.hosts.size() < fewest_hosts || removed.size() * 2 <= before.hosts.size()) return {};
  return std::to_string(removed.size()) + " of " + std::to_string(before.hosts.size()) + " hosts (" + listed(removed) +
         ')';
}

HostTable parse_host_table(std::string_view text, std::string_view file, const HostTableRules& rules) {
  return Parser(file, rules).parse(text);
}

std::optional<AddressBytes> parse_ipv4(std::string_view text) {
  AddressBytes address{};
  address[10] = address[11] = 0xFF;
  return parse_address(AF_INET, text, address.data() + 12) ? std::optional(address) : std::nullopt;
}

std::optional<AddressBytes> parse_ipv6(std::string_view text) {
  AddressBytes address{};
  return parse_address(AF_INET6, text, address.data()) ? std::optional(address) : std::nullopt;
}

bool is_of_one_machine(const AddressBytes& address) {
  const bool is_ipv4 = address[10] == 0xFF && address[11] == 0xFF &&
                       std::all_of(address.begin(), address.begin() + 10, [](auto byte) { return byte == 0; });
  if (!is_ipv4) return address != AddressBytes{} && address[0] != 0xFF;
  // 0.0.0.0/8 is "this host", 224.0.0.0/4 is multicast, 240.0.0.0/4 is reserved, up to the broadcast address.
  return address[12] != 0 && address[12] < 224;
}

}  // namespace lonc::core
