#include "status_view.hpp"

#include "ctl/command_line.hpp"

#include <lonc/core/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <map>
#include <ranges>
#include <string_view>
#include <tuple>
#include <unordered_map>

namespace lonc::ctl {

namespace {

using core::counted;
using nlohmann::json;
using Seconds = std::chrono::duration<double>;

// Parser callback: the parser keeps the value as this function leaves it.
bool take(int /*depth*/, json::parse_event_t event, json& value) {
  if (event == json::parse_event_t::value && value.is_string()) value = printable(value.get<std::string>());
  if (event != json::parse_event_t::object_end) return true;
  for (auto member = value.begin(); member != value.end();)
    member = member->is_null() ? value.erase(member) : std::next(member);
  return true;
}

bool is_status(const json& status) {
  if (!status.is_object() || part(status, "version") != 1 || !part(status, "daemon").is_object()) return false;
  const json& peers = part(status, "peers");
  return peers.is_array() && std::ranges::all_of(peers, [](const json& peer) { return peer.is_object(); });
}

// Worst first. "" stands for any state unknown here, which ranks just before "up".
constexpr auto states =
    std::to_array<std::string_view>({"given_up", "away", "drained", "draining", "stopped", "starting", "", "up"});

std::size_t rank(std::string_view state) {
  const auto* const found = std::ranges::find(states, state);
  return static_cast<std::size_t>((found == states.end() ? std::ranges::find(states, "") : found) - states.begin());
}

// "3m"; empty if `since` is not known.
std::string age_since(const std::optional<WallTime>& since, WallTime now) {
  return since ? age_text(now - *since) : std::string{};
}

Tone tone_of(const json& peer) {
  const std::string state = text_in(peer, "state");
  if (state == "up") return Tone::good;
  return state == "away" || state == "given_up" ? Tone::bad : Tone::doubtful;
}

bool is_up(const json& peer) { return text_in(peer, "state") == "up"; }

std::string last_error_of(const json& peer, WallTime now) {
  const std::string error = text_in(peer, "last_error");
  const auto at = time_in(peer, "last_error_at");
  // For a peer that is not up, the column with the age of its state says enough.
  return error.empty() || !is_up(peer) || !at ? error : fmt::format("{} ({} ago)", error, age_since(at, now));
}

std::string daemon_line(const json& daemon, WallTime now) {
  const json& delayed = part(daemon, "delayed");
  std::string text = fmt::format("lonc {} on {}, process {}", text_in(daemon, "program_version"),
                                 text_in(daemon, "host_id"), count_in(daemon, "pid"));
  if (const auto started = time_in(daemon, "started")) text += fmt::format(", started {} ago", age_since(started, now));
  if (const std::string state = text_in(daemon, "text"); state != "Running") text += ", " + state;
  if (const auto waiting = count_in(delayed, "waiting"); waiting > 0)
    text += fmt::format("; {} {}", counted(waiting, "delayed message"), waiting == 1 ? "waits" : "wait");
  if (const auto aside = count_in(delayed, "quarantined"); aside > 0) text += fmt::format("; {} quarantined", aside);
  return text;
}

// The titles of a table of peers: between id and state on the left, and the error on the right, there are numbers.
Row head_row(std::initializer_list<const char*> titles) {
  Row row;
  for (const char* const title : titles)
    row.push_back(
        {.text = title, .tone = Tone::strong, .is_number = row.size() >= 2 && row.size() + 1 != titles.size()});
  return row;
}

// What every table of peers begins with: PEER, STATE, FOR, CONN, FLIGHT.
Row first_cells(const json& peer, WallTime now) {
  return {{.text = text_in(peer, "id")},
          {.text = text_in(peer, "state"), .tone = tone_of(peer)},
          {.text = age_since(time_in(peer, "since"), now), .is_number = true},
          number_cell(count_in(peer, "connections")),
          number_cell(count_in(peer, "in_flight"))};
}

std::string round_trip_text(const json& times) {
  const json& median = part(times, "p50_ms");
  const json& p99 = part(times, "p99_ms");
  if (!median.is_number() || !p99.is_number()) return {};
  return fmt::format("median {:.4g} ms, p99 {:.4g} ms", median.get<double>(), p99.get<double>());
}

std::string next_attempt_text(const json& peer, WallTime now) {
  const auto next = time_in(peer, "next_attempt");
  if (!next) return {};
  return *next <= now ? "now" : "in " + age_text(*next - now);
}

std::string rate_text(double per_second) { return fmt::format("{:.{}f}", per_second, per_second < 100 ? 1 : 0); }

struct Rate {
  const char* counter;
  Tone tone;  // if it is not 0
};
constexpr auto shown_rates = std::to_array<Rate>(
    {{"requests", Tone::plain}, {"replies", Tone::plain}, {"con_lost", Tone::bad}, {"errors", Tone::doubtful}});
using Rates = std::array<double, shown_rates.size()>;  // per second

Rates rates_of(const json& before, const json& after, double seconds) {
  Rates rates{};
  for (std::size_t i = 0; i != rates.size(); ++i) {
    const std::uint64_t from = count_in(before, shown_rates[i].counter);
    const std::uint64_t to = count_in(after, shown_rates[i].counter);
    // A restart of the daemon or of a peer's session resets the counters: this rate is then unknown.
    if (to > from && seconds > 0) rates[i] = static_cast<double>(to - from) / seconds;
  }
  return rates;
}

struct Line {
  const json* peer;
  std::string id;
  bool is_up;
  Rates rates;
};

std::vector<Line> lines_of(const json& before, const json& after) {
  const auto from = time_in(before, "written");
  const auto to = time_in(after, "written");
  const double seconds = from && to ? Seconds(*to - *from).count() : 0;
  std::unordered_map<std::string, const json*> earlier;
  for (const json& peer : part(before, "peers")) earlier.emplace(text_in(peer, "id"), &peer);
  std::vector<Line> lines;
  for (const json* peer : worst_first(part(after, "peers"))) {
    std::string id = text_in(*peer, "id");
    const auto found = earlier.find(id);
    const json& counters = part(*peer, "counters");
    const json& before_that = found == earlier.end() ? counters : part(*found->second, "counters");
    lines.push_back({peer, std::move(id), is_up(*peer), rates_of(before_that, counters, seconds)});
  }
  // Peers in trouble stay at the top; the others are sorted by load, busiest first.
  const auto first_up = std::ranges::find_if(lines, &Line::is_up);
  std::ranges::sort(first_up, lines.end(), {}, [](const Line& line) { return std::pair(-line.rates[0], line.id); });
  return lines;
}

}  // namespace

json parse_status(const std::string& document) {
  json status = json::parse(document, take, false);
  if (!is_status(status))
    throw Failure(ExitCode::failed, "the status of lonc cannot be understood",
                  "lonc and loncctl are of different versions: restart lonc, or call the loncctl that came with it");
  return status;
}

// find() on anything but an object finds nothing.
const json& part(const json& object, const char* name) {
  static const json none = json::object();
  const auto found = object.find(name);
  return found == object.end() ? none : *found;
}

std::string text_in(const json& object, const char* name) {
  const json& member = part(object, name);
  return member.is_string() ? member.get<std::string>() : std::string();
}

std::uint64_t count_in(const json& object, const char* name) {
  const json& member = part(object, name);
  const bool is_count = member.is_number_unsigned() || (member.is_number_integer() && member.get<std::int64_t>() >= 0);
  return is_count ? member.get<std::uint64_t>() : 0;
}

std::optional<WallTime> time_in(const json& object, const char* name) { return os::parse_utc(text_in(object, name)); }

std::string head_line(const json& peers) {
  std::map<std::string, std::size_t> counts;
  for (const json& peer : peers) ++counts[text_in(peer, "state")];
  std::string text = counted(peers.size(), "peer");
  if (peers.empty()) return text;
  // The number of peers that are up is shown even if it is 0.
  text += fmt::format(": {} up", counts["up"]);
  counts.erase("up");
  for (const auto& [state, count] : counts)
    text += fmt::format(", {} {}", count, state == "given_up" ? "given up" : state);
  return text;
}

std::string render_head(const json& status, WallTime now, const TextStyle& style) {
  const json& peers = part(status, "peers");
  const json& daemon = part(status, "daemon");
  std::string text =
      render_line(head_line(peers), std::ranges::all_of(peers, is_up) ? Tone::good : Tone::strong, style) +
      render_line(daemon_line(daemon, now), Tone::plain, style);
  for (const json& problem : part(daemon, "problems")) text += render_line(text_in(problem, "text"), Tone::bad, style);
  if (const std::string trouble = text_in(part(daemon, "delayed"), "trouble"); !trouble.empty())
    text += render_line("delayed messages are not sent: " + trouble, Tone::bad, style);
  return text;
}

std::vector<const json*> worst_first(const json& peers) {
  // Rank, lost requests (most first; ignored for peers that are up), id.
  using Key = std::tuple<std::size_t, std::uint64_t, std::string, const json*>;
  std::vector<Key> keys;
  keys.reserve(peers.size());
  for (const json& peer : peers) {
    const std::uint64_t lost = is_up(peer) ? 0 : count_in(part(peer, "counters"), "con_lost");
    keys.emplace_back(rank(text_in(peer, "state")), ~lost, text_in(peer, "id"), &peer);
  }
  std::ranges::sort(keys);
  std::vector<const json*> sorted(keys.size());
  std::ranges::transform(keys, sorted.begin(), [](const Key& key) { return std::get<const json*>(key); });
  return sorted;
}

std::string render_status(const json& status, WallTime now, const TextStyle& style) {
  std::vector<Row> rows{head_row({"PEER", "STATE", "FOR", "CONN", "FLIGHT", "REQS", "LOST", "WAIT", "LAST ERROR"})};
  for (const json* peer : worst_first(part(status, "peers"))) {
    const json& counters = part(*peer, "counters");
    Row& row = rows.emplace_back(first_cells(*peer, now));
    for (const auto count :
         {count_in(counters, "requests"), count_in(counters, "con_lost"), count_in(part(*peer, "delayed"), "waiting")})
      row.push_back(number_cell(count));
    row.push_back({.text = last_error_of(*peer, now)});
  }
  return render_head(status, now, style) + "\n" + render_table(rows, style);
}

std::string render_peer(const json& peer, WallTime now, const TextStyle& style) {
  const json& counters = part(peer, "counters");
  const json& delayed = part(peer, "delayed");
  const std::string age = age_since(time_in(peer, "since"), now);
  std::string error = text_in(peer, "last_error");
  if (const auto at = time_in(peer, "last_error_at"); at && !error.empty())
    error += fmt::format(", {} ago", age_since(at, now));
  const auto failed = count_in(peer, "failed_in_a_row");
  std::vector<Row> rows;
  const auto add = [&rows](const char* name, const std::string& value, Tone tone = Tone::plain) {
    if (!value.empty()) rows.push_back({{.text = name, .tone = Tone::strong}, {.text = value, .tone = tone}});
  };
  add("peer:", text_in(peer, "id"));
  add("name:", text_in(peer, "name"));
  add("address:", text_in(peer, "address"));
  add("state:",
      fmt::format("{}{}{}: {}", text_in(peer, "state"), age.empty() ? "" : " for ", age, text_in(peer, "text")),
      tone_of(peer));
  add("last error:", error);
  add("what to do:", text_in(peer, "remedy"));
  add("failed in a row:", failed > 0 ? std::to_string(failed) : "");
  add("next attempt:", next_attempt_text(peer, now));
  add("connections:",
      fmt::format("{} ready, {} being opened", count_in(peer, "connections"), count_in(peer, "opening")));
  add("now:", fmt::format("{} in flight, {} queued, {}", count_in(peer, "in_flight"), count_in(peer, "queued"),
                          counted(count_in(peer, "clients"), "client")));
  add("requests:",
      fmt::format("{}, of these {} answered, {} con_lost, {} errors; {} timed out", count_in(counters, "requests"),
                  count_in(counters, "replies"), count_in(counters, "con_lost"), count_in(counters, "errors"),
                  count_in(counters, "timeouts")));
  add("round trip:", round_trip_text(part(peer, "round_trip")));
  add("attempts:",
      fmt::format("{}, of these {} failed", count_in(counters, "attempts"), count_in(counters, "failed_attempts")));
  add("delayed:", fmt::format("{} waiting, {} delivered, {} quarantined", count_in(delayed, "waiting"),
                              count_in(delayed, "delivered"), count_in(delayed, "set_aside")));
  // Lines are not cut here, however long.
  return render_table(rows, {.has_colour = style.has_colour, .width = 0});
}

std::string render_top(const json& before, const json& now_status, WallTime now, const TextStyle& style,
                       std::size_t lines) {
  const std::vector<Line> all = lines_of(before, now_status);
  Rates sum{};
  for (const Line& line : all) std::ranges::transform(sum, line.rates, sum.begin(), std::plus{});
  std::string head = render_head(now_status, now, style);
  head += render_line(fmt::format("per second: {} requests, {} replies, {} con_lost, {} errors", rate_text(sum[0]),
                                  rate_text(sum[1]), rate_text(sum[2]), rate_text(sum[3])),
                      Tone::plain, style);
  head += '\n';
  // Lines above the table, and the line below it about peers that do not fit.
  const auto taken = static_cast<std::size_t>(std::ranges::count(head, '\n')) + 2;
  const std::size_t room = lines == 0 ? all.size() : lines > taken ? lines - taken : 1;
  std::vector<Row> rows{head_row({"PEER", "STATE", "FOR", "CONN", "FLIGHT", "QUEUE", "REQ/S", "REPLY/S", "LOST/S",
                                  "ERR/S", "WAIT", "LAST ERROR"})};
  const std::size_t shown = std::min(room, all.size());
  for (const Line& line : all | std::views::take(shown)) {
    Row& row = rows.emplace_back(first_cells(*line.peer, now));
    row.push_back(number_cell(count_in(*line.peer, "queued")));
    for (std::size_t i = 0; i != shown_rates.size(); ++i)
      row.push_back({.text = rate_text(line.rates[i]),
                     .tone = line.rates[i] > 0 ? shown_rates[i].tone : Tone::plain,
                     .is_number = true});
    row.push_back(number_cell(count_in(part(*line.peer, "delayed"), "waiting")));
    row.push_back({.text = line.is_up ? std::string{} : text_in(*line.peer, "last_error")});
  }
  std::string text = head + render_table(rows, style);
  if (shown < all.size()) text += fmt::format("and {} more\n", all.size() - shown);
  return text;
}

}  // namespace lonc::ctl
