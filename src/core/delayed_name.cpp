#include <lonc/core/delayed_name.hpp>

#include <algorithm>
#include <charconv>
#include <limits>

namespace lonc::core {

namespace {

constexpr std::size_t longest_name = 255;  // bytes, of any file system that matters
constexpr std::size_t command_bytes = 16;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word_byte(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// Takes digits and the dot behind them off the front. A number too large to hold counts as the largest.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos || dot == 0) return std::nullopt;
  const std::string_view digits = text.substr(0, dot);
  if (!std::ranges::all_of(digits, is_digit)) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{}) value = std::numeric_limits<std::uint64_t>::max();
  text.remove_prefix(dot + 1);
  return value;
}

// Takes the command, which may be empty and has no dot, and the dot behind it.
bool take_command(std::string_view& text) {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return false;
  text.remove_prefix(dot + 1);
  return !text.empty();
}

struct Form {
  std::uint64_t timestamp = 0;
  std::string_view host_id;
};

std::optional<Form> five_parts(std::string_view text) {
  const auto timestamp = take_number(text);
  const auto count = timestamp ? take_number(text) : std::nullopt;
  const auto pid = count ? take_number(text) : std::nullopt;
  if (!pid || !take_command(text)) return std::nullopt;
  return Form{*timestamp, text};
}

std::optional<Form> three_parts(std::string_view text) {
  const auto timestamp = take_number(text);
  if (!timestamp || !take_command(text)) return std::nullopt;
  return Form{*timestamp, text};
}

bool is_possible(std::string_view name) {
  return name.size() <= longest_name && std::ranges::none_of(name, is_control);
}

}  // namespace

std::optional<OwnedDelayedName> parse_delayed_name(std::string_view name,
                                                   const std::function<bool(std::string_view id)>& is_host) {
  if (!is_possible(name)) return std::nullopt;
  // A name of five parts can be read as one of three whose host id begins with digits. Such an id is less likely.
  for (const auto& form : {five_parts(name), three_parts(name)}) {
    if (form && is_host(form->host_id)) return OwnedDelayedName{{form->timestamp, std::string(name)}, form->host_id};
  }
  return std::nullopt;
}

bool is_delayed_name(std::string_view name) { return is_possible(name) && three_parts(name).has_value(); }

std::string make_delayed_name(std::uint64_t timestamp, std::uint64_t count, std::uint64_t pid, std::string_view command,
                              std::string_view host_id) {
  std::string name = std::to_string(timestamp) + "." + std::to_string(count) + "." + std::to_string(pid) + ".";
  std::ranges::copy_if(command.substr(0, command_bytes), std::back_inserter(name), is_word_byte);
  return name.append(".").append(host_id);
}

}  // namespace lonc::core
