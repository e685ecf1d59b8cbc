// The live table of `loncctl top`.
#include "status_view.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <unordered_map>

namespace lonc::ctl {

namespace {

using Seconds = std::chrono::duration<double>;

// A daemon that was started anew, or a peer that was, counts from 0 again: then nothing is known of the time between.
double rate(std::uint64_t before, std::uint64_t after, double seconds) {
  return after > before && seconds > 0 ? static_cast<double>(after - before) / seconds : 0;
}

std::string rate_text(double per_second) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), per_second < 100 ? "%.1f" : "%.0f", per_second);
  return text.data();
}

struct Rates {
  double requests = 0;
  double replies = 0;
  double lost = 0;
  double errors = 0;

  Rates& operator+=(const Rates& other) {
    requests += other.requests;
    replies += other.replies;
    lost += other.lost;
    errors += other.errors;
    return *this;
  }
};

Rates rates_of(const core::PeerCounters& before, const core::PeerCounters& after, double seconds) {
  return {.requests = rate(before.requests, after.requests, seconds),
          .replies = rate(before.replies, after.replies, seconds),
          .lost = rate(before.con_lost, after.con_lost, seconds),
          .errors = rate(before.errors, after.errors, seconds)};
}

Cell rate_cell(double per_second, Tone tone = Tone::plain) {
  return {.text = rate_text(per_second), .tone = per_second > 0 ? tone : Tone::plain, .is_number = true};
}

struct Line {
  const PeerState* peer;
  Rates rates;
};

std::vector<Line> lines_of(const StatusDocument& before, const StatusDocument& after) {
  const double seconds = before.written && after.written ? Seconds(*after.written - *before.written).count() : 0;
  std::unordered_map<std::string_view, const PeerState*> earlier;
  for (const PeerState& peer : before.peers) earlier.emplace(peer.id, &peer);
  std::vector<Line> lines;
  for (const PeerState* peer : worst_first(after.peers)) {
    const auto found = earlier.find(peer->id);
    const core::PeerCounters& counts = found == earlier.end() ? peer->counts : found->second->counts;
    lines.push_back({peer, rates_of(counts, peer->counts, seconds)});
  }
  // Those in trouble stay on top; of the others the busiest are looked at.
  const auto first_up = std::ranges::find_if(lines, [](const Line& line) { return line.peer->state == "up"; });
  std::ranges::sort(first_up, lines.end(), [](const Line& left, const Line& right) {
    if (left.rates.requests != right.rates.requests) return left.rates.requests > right.rates.requests;
    return left.peer->id < right.peer->id;
  });
  return lines;
}

Row head_row() {
  Row row;
  for (const char* const title :
       {"PEER", "STATE", "FOR", "CONN", "FLIGHT", "QUEUE", "REQ/S", "REPLY/S", "LOST/S", "ERR/S", "WAIT", "LAST ERROR"})
    row.push_back({.text = title, .tone = Tone::strong, .is_number = row.size() >= 2});
  row.back().is_number = false;
  return row;
}

Row row_of(const Line& line, WallTime now) {
  const PeerState& peer = *line.peer;
  return {{.text = peer.id},
          {.text = peer.state, .tone = tone_of(peer)},
          {.text = age_since(peer.since, now), .is_number = true},
          number_cell(peer.connections),
          number_cell(peer.in_flight),
          number_cell(peer.queued),
          rate_cell(line.rates.requests),
          rate_cell(line.rates.replies),
          rate_cell(line.rates.lost, Tone::bad),
          rate_cell(line.rates.errors, Tone::doubtful),
          number_cell(peer.delayed_waiting),
          {.text = peer.state == "up" ? std::string{} : peer.last_error}};
}

}  // namespace

std::string render_top(const StatusDocument& before, const StatusDocument& now_status, WallTime now, const Look& look,
                       std::size_t lines) {
  const std::vector<Line> all = lines_of(before, now_status);
  Rates sum;
  for (const Line& line : all) sum += line.rates;
  std::string head = render_head(now_status, now, look);
  head += render_line("per second: " + rate_text(sum.requests) + " requests, " + rate_text(sum.replies) + " replies, " +
                          rate_text(sum.lost) + " con_lost, " + rate_text(sum.errors) + " errors",
                      Tone::plain, look);
  head += '\n';
  // Above the table, and below it the line about what does not fit.
  const auto taken = static_cast<std::size_t>(std::ranges::count(head, '\n')) + 2;
  const std::size_t room = lines == 0 ? all.size() : lines > taken ? lines - taken : 1;
  std::vector<Row> rows{head_row()};
  for (const Line& line : all) {
    if (rows.size() > room) break;
    rows.push_back(row_of(line, now));
  }
  const std::size_t shown = rows.size() - 1;
  std::string text = head + render_table(rows, look);
  if (shown < all.size()) text += "and " + std::to_string(all.size() - shown) + " more\n";
  return text;
}

}  // namespace lonc::ctl
