#include <lonc/core/numeric_address.hpp>

#include <algorithm>
#include <charconv>
#include <vector>

namespace lonc::core {

namespace {

using Bytes = std::vector<std::uint8_t>;

std::optional<unsigned> parse_number(std::string_view digits, std::size_t longest, int base) {
  if (digits.empty() || digits.size() > longest) return std::nullopt;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

bool append_ipv4(std::string_view text, Bytes& bytes) {
  for (int part = 0; part < 4; ++part) {
    const auto end = text.find('.');
    if ((end == std::string_view::npos) != (part == 3)) return false;
    const auto digits = text.substr(0, end);
    const auto value = parse_number(digits, 3, 10);
    // A leading zero means octal to some programs and nothing to others.
    if (!value || *value > 255 || (digits.size() > 1 && digits[0] == '0')) return false;
    bytes.push_back(static_cast<std::uint8_t>(*value));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return true;
}

// Groups of hex digits between colons; the last may be an IPv4 address. No text is no groups.
bool append_groups(std::string_view text, bool may_end_in_ipv4, Bytes& bytes) {
  while (!text.empty()) {
    const auto end = text.find(':');
    const auto group = text.substr(0, end);
    if (end == std::string_view::npos && may_end_in_ipv4 && group.find('.') != std::string_view::npos) {
      return append_ipv4(group, bytes);
    }
    const auto value = parse_number(group, 4, 16);
    if (!value) return false;
    bytes.push_back(static_cast<std::uint8_t>(*value >> 8));
    bytes.push_back(static_cast<std::uint8_t>(*value & 0xFF));
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
    if (text.empty()) return false;  // a colon with nothing behind it
  }
  return true;
}

}  // namespace

std::optional<AddressBytes> parse_ipv4(std::string_view text) {
  Bytes bytes;
  if (!append_ipv4(text, bytes)) return std::nullopt;
  AddressBytes address{};
  address[10] = address[11] = 0xFF;
  std::copy(bytes.begin(), bytes.end(), address.begin() + 12);
  return address;
}

std::optional<AddressBytes> parse_ipv6(std::string_view text) {
  constexpr std::size_t whole = 16;
  Bytes head;
  Bytes tail;
  const auto gap = text.find("::");
  if (gap == std::string_view::npos) {
    if (!append_groups(text, true, head) || head.size() != whole) return std::nullopt;
  } else {
    if (!append_groups(text.substr(0, gap), false, head)) return std::nullopt;
    if (!append_groups(text.substr(gap + 2), true, tail)) return std::nullopt;
    if (head.size() + tail.size() > whole - 2) return std::nullopt;  // "::" stands for at least one group
  }
  AddressBytes address{};
  std::copy(head.begin(), head.end(), address.begin());
  std::copy_backward(tail.begin(), tail.end(), address.end());
  return address;
}

bool is_of_one_machine(const AddressBytes& address) {
  const bool is_ipv4 = address[10] == 0xFF && address[11] == 0xFF &&
                       std::all_of(address.begin(), address.begin() + 10, [](auto byte) { return byte == 0; });
  if (!is_ipv4) {
    const bool is_unspecified = std::all_of(address.begin(), address.end(), [](auto byte) { return byte == 0; });
    return !is_unspecified && address[0] != 0xFF;
  }
  // 0.0.0.0/8 is "this host", 224.0.0.0/4 multicast, 240.0.0.0/4 reserved up to the broadcast address.
  return address[12] != 0 && address[12] < 224;
}

}  // namespace lonc::core
