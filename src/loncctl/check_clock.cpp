#include "check_clock.hpp"

#include "web_client.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <exception>
#include <span>

namespace lonc::ctl {

namespace {

using core::Problem;

constexpr std::size_t most_asked = 5;
constexpr std::chrono::seconds tolerated{60};

constexpr auto months = std::to_array<std::string_view>(
    {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"});

std::string names_of(const std::vector<ClockSample>& samples) {
  std::string names;
  for (const ClockSample& sample : samples) names += (names.empty() ? "" : ", ") + sample.peer;
  return names;
}

}  // namespace

std::optional<WallTime> parse_http_date(std::string_view text) {
  constexpr std::string_view form = "Sun, 06 Nov 1994 08:49:37 GMT";
  if (text.size() != form.size()) return std::nullopt;
  const auto* const month = std::ranges::find(months, text.substr(8, 3));
  if (month == months.end() || text.substr(3, 2) != ", ") return std::nullopt;
  const auto number = std::to_string(month - months.begin() + 1);
  // The same digits in the other order; whatever else is wrong is found there.
  std::string iso;
  iso.append(text.substr(12, 4)).append(number.size() == 1 ? "-0" : "-").append(number);
  iso.append("-").append(text.substr(5, 2)).append("T").append(text.substr(17, 8));
  return text.ends_with(" GMT") ? parse_utc(iso + "Z") : std::nullopt;
}

std::optional<Problem> judge_clock(std::vector<ClockSample> samples) {
  if (samples.empty()) return std::nullopt;
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::ranges::nth_element(samples, middle, {}, &ClockSample::ahead);
  const auto ahead = middle->ahead;
  if (ahead <= tolerated && ahead >= -tolerated) return std::nullopt;
  const std::string amount = age_text(ahead < ahead.zero() ? -ahead : ahead);
  std::string text = "this server's clock is " + amount + (ahead > ahead.zero() ? " behind" : " ahead of");
  text += (samples.size() == 1 ? " that of " : " those of ") + names_of(samples);
  std::string remedy =
      "let a time service (chrony, systemd-timesyncd) set it; times of log entries and ages of delayed "
      "messages are wrong until then";
  if (samples.size() == 1) remedy.insert(0, "find out which of the two is wrong; if it is this one, ");
  return Problem{Problem::Kind::warning, {}, 0, std::move(text), std::move(remedy)};
}

std::vector<Problem> check_clock(const std::vector<core::Host>& hosts, std::uint16_t http_port,
                                 std::chrono::milliseconds timeout) {
  boost::asio::io_context io;
  const net::Strand strand = boost::asio::make_strand(io);
  net::Resolver resolver(most_asked);
  std::vector<ClockSample> samples;
  std::deque<WebServer> servers;
  for (const core::Host& host : std::span(hosts).first(std::min(most_asked, hosts.size()))) {
    servers.push_back(
        {.name = host.name.empty() ? host.address : host.name, .address = host.address, .port = http_port});
    boost::asio::co_spawn(strand, get_from_web(resolver, servers.back(), "/", timeout),
                          [&samples, id = host.id](const std::exception_ptr& failure, const WebAnswer& answer) {
                            if (failure) std::rethrow_exception(failure);
                            if (answer.error) return;
                            if (const auto date = parse_http_date(answer.date))
                              samples.push_back({id, *date - std::chrono::system_clock::now()});
                          });
  }
  io.run();
  auto problem = judge_clock(std::move(samples));
  return problem ? std::vector{std::move(*problem)} : std::vector<Problem>{};
}

}  // namespace lonc::ctl
