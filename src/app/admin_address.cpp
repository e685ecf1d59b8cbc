#include <lonc/app/admin_address.hpp>

#include "setting_values.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <cctype>
#include <string>

namespace lonc::app {

namespace {

struct HostAndPort {
  std::string host;
  std::string_view port;
};

// "HOST:PORT" or "HOST", and "[ADDRESS]" for HOST if it has colons itself.
std::optional<HostAndPort> split(std::string_view text) {
  const bool is_bracketed = text.starts_with('[');
  const auto end = is_bracketed ? text.find(']') : std::min(text.find(':'), text.size());
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(is_bracketed ? end + 1 : end);
  if (!rest.empty() && rest[0] != ':') return std::nullopt;
  return HostAndPort{std::string(is_bracketed ? text.substr(1, end - 1) : text.substr(0, end)),
                     rest.substr(std::min<std::size_t>(rest.size(), 1))};
}

std::optional<boost::asio::ip::address> loopback_address(const std::string& host, bool is_v6) {
  boost::system::error_code error;
  auto address = boost::asio::ip::make_address(host, error);
  if (error || !address.is_loopback() || address.is_v6() != is_v6) return std::nullopt;
  return address;
}

}  // namespace

std::optional<boost::asio::ip::tcp::endpoint> parse_admin_address(std::string_view text) {
  const auto parts = split(text);
  if (!parts) return std::nullopt;
  const auto address = loopback_address(parts->host, text.starts_with('['));
  const auto port = parse_count(parts->port);
  if (!address || !port || *port == 0 || *port > 65535) return std::nullopt;
  return boost::asio::ip::tcp::endpoint(*address, static_cast<std::uint16_t>(*port));
}

bool is_loopback_host(std::string_view host) {
  const auto parts = split(host);
  if (!parts || (!parts->port.empty() && !parse_count(parts->port))) return false;
  std::string name = parts->host;
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name == "localhost" || loopback_address(parts->host, host.starts_with('[')).has_value();
}

}  // namespace lonc::app
