#include "status_view.hpp"

#include <lonc/core/error.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <string_view>

namespace lonc::ctl {

namespace {

// The worst first; a state that is not known here comes before all that are well.
constexpr auto states =
    std::to_array<std::string_view>({"given_up", "away", "paused", "draining", "stopped", "starting", "", "up"});

std::size_t rank(std::string_view state) {
  const auto* const found = std::ranges::find(states, state);
  return static_cast<std::size_t>((found == states.end() ? std::ranges::find(states, "") : found) - states.begin());
}

std::string counted(std::size_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::string last_error_of(const PeerState& peer, WallTime now) {
  if (peer.last_error.empty()) return {};
  // While it is away, the column with the age of that says enough.
  if (peer.state != "up" || !peer.last_error_at) return peer.last_error;
  return peer.last_error + " (" + age_since(peer.last_error_at, now) + " ago)";
}

std::string daemon_line(const DaemonState& daemon, WallTime now) {
  std::string text = "lonc " + daemon.version + " on " + daemon.host_id + ", process " + std::to_string(daemon.pid);
  if (daemon.started) text += ", started " + age_since(daemon.started, now) + " ago";
  if (daemon.text != "Running") text += ", " + daemon.text;
  if (daemon.delayed_waiting > 0)
    text += "; " + counted(daemon.delayed_waiting, "delayed message waits", "delayed messages wait");
  if (daemon.quarantined > 0) text += "; " + std::to_string(daemon.quarantined) + " set aside";
  return text;
}

std::string round_trip_text(const PeerState& peer) {
  if (!peer.round_trip_p50_ms || !peer.round_trip_p99_ms) return {};
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), "half within %.3g ms, 99 of 100 within %.3g ms", *peer.round_trip_p50_ms,
                *peer.round_trip_p99_ms);
  return text.data();
}

std::string state_text(const PeerState& peer, WallTime now) {
  std::string text = peer.state;
  if (peer.since) text += " for " + age_since(peer.since, now);
  return text.append(": ").append(peer.text);
}

std::string next_attempt_text(const PeerState& peer, WallTime now) {
  if (!peer.next_attempt) return {};
  return *peer.next_attempt <= now ? "now" : "in " + age_text(*peer.next_attempt - now);
}

std::string requests_text(const core::PeerCounters& counts) {
  return std::to_string(counts.requests) + ", of these " + std::to_string(counts.replies) + " answered, " +
         std::to_string(counts.con_lost) + " con_lost, " + std::to_string(counts.errors) + " error, " +
         std::to_string(counts.timeouts) + " not answered in time";
}

std::string delayed_text(const PeerState& peer) {
  return std::to_string(peer.delayed_waiting) + " waiting, " + std::to_string(peer.delayed_delivered) + " delivered, " +
         std::to_string(peer.delayed_set_aside) + " set aside";
}

}  // namespace

std::string age_since(const std::optional<WallTime>& since, WallTime now) {
  return since ? age_text(now - *since) : std::string{};
}

Tone tone_of(const PeerState& peer) {
  if (peer.state == "up") return Tone::good;
  return peer.state == "away" || peer.state == "given_up" ? Tone::bad : Tone::doubtful;
}

std::string head_line(const std::vector<PeerState>& peers) {
  std::map<std::string, std::size_t> counts;
  for (const PeerState& peer : peers) ++counts[peer.state];
  std::string text = counted(peers.size(), "peer", "peers");
  std::string separator = ": ";
  const auto add = [&](const std::string& state, std::size_t count) {
    text += separator + std::to_string(count) + " " + (state == "given_up" ? "given up" : state);
    separator = ", ";
  };
  // "up" is told even when it is none of them.
  if (!peers.empty()) add("up", counts["up"]);
  counts.erase("up");
  for (const auto& [state, count] : counts) add(state, count);
  return text;
}

std::string render_head(const StatusDocument& status, WallTime now, const Look& look) {
  const bool is_well = std::ranges::all_of(status.peers, [](const PeerState& peer) { return peer.state == "up"; });
  std::string text = render_line(head_line(status.peers), is_well ? Tone::good : Tone::strong, look) +
                     render_line(daemon_line(status.daemon, now), Tone::plain, look);
  for (const std::string& problem : status.daemon.problems) text += render_line(problem, Tone::bad, look);
  if (!status.daemon.spool_trouble.empty())
    text += render_line("delayed messages are not sent: " + status.daemon.spool_trouble, Tone::bad, look);
  return text;
}

std::vector<const PeerState*> worst_first(const std::vector<PeerState>& peers) {
  std::vector<const PeerState*> sorted;
  sorted.reserve(peers.size());
  for (const PeerState& peer : peers) sorted.push_back(&peer);
  std::ranges::sort(sorted, [](const PeerState* left, const PeerState* right) {
    const std::size_t left_rank = rank(left->state);
    const std::size_t right_rank = rank(right->state);
    if (left_rank != right_rank) return left_rank < right_rank;
    if (left->state != "up" && left->counts.con_lost != right->counts.con_lost)
      return left->counts.con_lost > right->counts.con_lost;
    return left->id < right->id;
  });
  return sorted;
}

std::string render_status(const StatusDocument& status, WallTime now, const Look& look) {
  std::vector<Row> rows;
  Row head;
  for (const char* const title : {"PEER", "STATE", "FOR", "CONN", "FLIGHT", "REQS", "LOST", "WAIT", "LAST ERROR"})
    head.push_back({.text = title, .tone = Tone::strong});
  for (std::size_t i = 2; i != head.size() - 1; ++i) head[i].is_number = true;
  rows.push_back(std::move(head));
  for (const PeerState* peer : worst_first(status.peers)) {
    rows.push_back({{.text = peer->id},
                    {.text = peer->state, .tone = tone_of(*peer)},
                    {.text = age_since(peer->since, now), .is_number = true},
                    number_cell(peer->connections),
                    number_cell(peer->in_flight),
                    number_cell(peer->counts.requests),
                    number_cell(peer->counts.con_lost),
                    number_cell(peer->delayed_waiting),
                    {.text = last_error_of(*peer, now)}});
  }
  return render_head(status, now, look) + "\n" + render_table(rows, look);
}

std::string render_peer(const PeerState& peer, WallTime now, const Look& look) {
  std::string error = peer.last_error;
  if (!error.empty() && peer.last_error_at) error += ", " + age_since(peer.last_error_at, now) + " ago";
  std::string remedy = core::remedy_for_text(peer.last_error);
  if (peer.state == "paused") remedy = "loncctl reconnect " + peer.id + " puts it back into service";
  if (peer.state == "up") remedy.clear();
  std::vector<Row> rows;
  const auto add = [&rows](const char* name, const std::string& value, Tone tone = Tone::plain) {
    if (!value.empty()) rows.push_back({{.text = name, .tone = Tone::strong}, {.text = value, .tone = tone}});
  };
  add("peer:", peer.id);
  add("name:", peer.name);
  add("address:", peer.address);
  add("state:", state_text(peer, now), tone_of(peer));
  add("last error:", error);
  add("what to do:", remedy);
  if (peer.failed_in_a_row > 0) add("failed in a row:", std::to_string(peer.failed_in_a_row));
  add("next attempt:", next_attempt_text(peer, now));
  add("connections:", std::to_string(peer.connections) + " ready, " + std::to_string(peer.opening) + " being opened");
  add("now:", std::to_string(peer.in_flight) + " in flight, " + std::to_string(peer.queued) + " queued, " +
                  counted(peer.clients, "client", "clients"));
  add("requests:", requests_text(peer.counts));
  add("round trip:", round_trip_text(peer));
  add("attempts:",
      std::to_string(peer.counts.attempts) + ", of these " + std::to_string(peer.counts.failed_attempts) + " in vain");
  add("delayed:", delayed_text(peer));
  // All of each line is wanted here, however long.
  return render_table(rows, {.has_colour = look.has_colour, .width = 0});
}

}  // namespace lonc::ctl
