// What PeerEngine reports about its peer: the texts of the status, and a few log lines (loncron mails the administrator
// if there are many). Makes no decisions.
#pragma once

#include <lonc/core/base/types.hpp>
#include <lonc/core/engine/batch.hpp>
#include <lonc/core/engine/effects.hpp>
#include <lonc/core/engine/peer_settings.hpp>
#include <lonc/core/engine/peer_status.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>

namespace lonc::core {

// A part of PeerEngine; nothing else calls it.
class PeerReporter {
 public:
  // All arguments must outlive it.
  PeerReporter(const PeerSettings& settings, Effects& effects, const PeerCounters& counters)
      : settings_(settings), effects_(effects), counters_(counters) {}

  // --- the state of the peer
  // The peer is away from now on, until online().
  void away_from(TimePoint now) { away_since_ = now; }
  // The peer's last working connection has ended.
  void lost(TimePoint now, std::error_code error);
  // An attempt has failed, so the peer is away.
  void away(TimePoint now, std::error_code error, bool is_given_up);
  // The peer is up after it was not.
  void online(TimePoint now);
  bool was_up() const { return was_up_; }
  // The peer is back in service: what ended its connections no longer matters.
  void forget_loss() { lost_because_ = {}; }
  void note_error(TimePoint now, PeerError error);
  // How requests are sent to the peer from now on. The status mentions it if it is not the normal mode.
  void note_mode(BatchPolicy::Mode mode);

  // --- what went wrong: one WARNING per hour, the rest goes to the debug log
  void incident(TimePoint now, const std::string& text);
  void no_memory(TimePoint now);
  // A line arrived that nobody had asked for, or one too many or too few.
  void out_of_turn(TimePoint now, const Batch& batch);
  void broken_batch(TimePoint now, const Batch& batch, std::error_code error);
  void timeout(TimePoint now, const Batch& batch);
  void doubled_line_ends(TimePoint now);

  // Fills in text, remedy and errors for the state that is already set. `served`: see ConnectionSet.
  void report(PeerStatus& status, const BatchPolicy& policy, std::size_t served) const;

 private:
  std::string connected_text(const BatchPolicy& policy, std::size_t served) const;
  std::string text(PeerState state, const BatchPolicy& policy, std::size_t served) const;
  std::string remedy(PeerState state) const;

  const PeerSettings& settings_;
  Effects& effects_;
  const PeerCounters& counters_;

  TimePoint away_since_{};
  bool has_warned_away_ = false;  // about this outage
  bool was_up_ = false;
  std::optional<TimePoint> warned_away_at_;
  std::optional<TimePoint> warned_incident_at_;
  std::uint64_t con_lost_at_loss_ = 0;
  BatchPolicy::Mode mode_ = BatchPolicy::Mode::untried;
  PeerError last_error_;
  TimePoint last_error_at_{};
  std::error_code lost_because_;
};

}  // namespace lonc::core
