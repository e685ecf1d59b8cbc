// The part of Spool that makes promises: what is durable before what, and how a crash is put in order.
#include <lonc/core/spool.hpp>
#include <lonc/core/text.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <unordered_set>
#include <utility>

namespace lonc::core {

namespace {

constexpr std::size_t most_names_told = 100;

}  // namespace

// While the machine has not been restarted, everything that the process before had written is there: what it had an
// answer for need not be sent again, and of what was handed out at most the first can have been sent. After a restart
// of the machine anything that is not synced may be missing, so everything that was handed out may have been sent; the
// same after a sync that has failed.
std::error_code Spool::recover() {
  if (is_recovered_) return {};
  std::string bytes;
  if (const auto error = disk_.read_journal(bytes)) return settle(error, "the journal can not be read");
  const SendingJournal journal = parse_journal(bytes);
  const std::vector<SendingRecord> open = open_records(journal);
  generation_ = std::max(generation_, journal.generation);
  half_ = journal.half;
  half_room_ = journal.generation == 0 ? 0 : bytes.size() / 2;
  if (journal.boot_id.empty() || journal.boot_id != disk_.boot_id()) is_disbelieved_ = true;
  if (!is_disbelieved_) {
    if (const auto error = disk_.sync_log()) {
      // The next success would tell nothing about the lines that this one may have dropped.
      is_disbelieved_ = true;
      write_generation({}, journal.records);
      return settle(error, "the permanent log can not be synced");
    }
  }
  std::vector<SendingRecord> sent;
  std::unordered_set<std::string_view> in_flight;  // hosts of which the one that was in flight has been found
  for (const SendingRecord& record : open) {
    const bool is_planned = record.kind == SendingRecord::Kind::planned;
    const bool is_first = !is_planned || !in_flight.contains(record.host_id);
    const std::size_t before = sent.size();
    if (const auto error = recover_message(record, !is_disbelieved_, is_first, sent)) return error;
    if (is_planned && sent.size() > before) in_flight.insert(record.host_id);
  }
  if (const auto error = disk_.sync_directory()) return settle(error, "the directory can not be synced");
  for (SendingRecord& record : untold_records(journal))
    name_doubtful(std::move(record), "lonc ended before that was known to stand in its log");
  for (SendingRecord& record : sent) {
    name_doubtful(record, "lonc ended before its answer was on the disk; it is sent again");
    if (record.kind != SendingRecord::Kind::unclear && record.attempts == 0) continue;
    record.kind = SendingRecord::Kind::unclear;
    unclear_.insert_or_assign(record.name, record);
  }
  // A failed sync may have left the half that counts in memory alone, and the other one is overwritten next.
  if (half_room_ > 0) {
    std::error_code error = disk_.write_journal(half_ * half_room_, bytes.substr(half_ * half_room_, half_room_));
    if (!error) error = disk_.sync_journal();
    if (error) return settle(error, "the journal can not be written");
  }
  const std::error_code error = renew_journal();
  is_recovered_ = !error || error == std::errc::no_space_on_device;
  if (!is_recovered_) return settle(error, "the journal can not be written");
  if (disk_.boot_id().empty())
    log_(Severity::warning, "",
         "The boot id (/proc/sys/kernel/random/boot_id) can not be read: if lonc is killed, delayed messages that were "
         "answered may be sent twice; make /proc/sys readable for lonc");
  return {};
}

std::error_code Spool::recover_message(const SendingRecord& record, bool is_believed, bool is_first,
                                       std::vector<SendingRecord>& sent) {
  using Kind = SendingRecord::Kind;
  const SpoolFile file = disk_.read(record.name, 0);
  if (file.state == SpoolFile::State::failed) return settle(file.error, "a message can not be looked at");
  if (file.state == SpoolFile::State::missing || file.inode != record.inode) return {};
  if (record.kind == Kind::logged || (record.kind == Kind::answered && is_believed))
    return settle(disk_.remove(record.name), "a message can not be deleted");
  if (!is_believed || record.kind == Kind::unclear || record.was_unclear || is_first) sent.push_back(record);
  return {};
}

// The journal keeps the name until it is known that it stands in the log, which another thread writes.
void Spool::name_doubtful(SendingRecord record, std::string_view why) {
  if (std::ranges::find(doubtful_, record.name) != doubtful_.end()) return;
  log_(Severity::warning, record.host_id,
       "Delayed message " + escape_outside_text(record.name) + " may have two S: lines, or reach " + record.host_id +
           " twice: " + std::string(why));
  ++doubtful_count_;
  if (doubtful_.size() == most_names_told) doubtful_.erase(doubtful_.begin());
  doubtful_.push_back(record.name);
  if (!progress_.given) return;
  record.kind = SendingRecord::Kind::named;
  untold_.insert_or_assign(record.name, Untold{record, progress_.given()});
  if (journal_) append_journal({record});
}

void Spool::note_told() {
  if (untold_.empty()) return;
  const std::uint64_t done = progress_.done();
  std::vector<SendingRecord> told;
  std::erase_if(untold_, [&](const auto& entry) {
    if (entry.second.line > done) return false;
    told.push_back(entry.second.record);
    told.back().kind = SendingRecord::Kind::told;
    return true;
  });
  // If this is not written, the next start names more than it has to.
  if (!told.empty() && journal_) append_journal(told);
}

std::error_code Spool::commit() {
  note_told();
  std::error_code error = log_answered();
  if (!error) error = delete_answered();
  if (!error) error = sync_deleted();
  return error;
}

// A sync that failed may have dropped what it was to write: it is all done once more, from what is known here. Until
// that has succeeded the journal says that a later process must not believe it.
std::error_code Spool::log_answered() {
  if (has_lost_lines()) {
    for (const Answered& entry : answered_) {
      if (entry.is_lost) name_doubtful(entry.record, "the permanent log could not be synced and is written once more");
    }
    // Their names are durable before the lines are written.
    const auto error = renew_journal();
    if (error && error != std::errc::no_space_on_device) return settle(error, "the journal can not be written");
  }
  bool has_new = false;
  for (Answered& entry : answered_) {
    if (entry.is_logged) continue;
    has_new = true;
    if (entry.is_appended) continue;
    if (const auto error = disk_.append_log(entry.log_line))
      return settle(error, "the permanent log can not be written");
    entry.is_appended = true;
  }
  if (!has_new) return {};
  if (const auto error = disk_.sync_log()) {
    for (Answered& entry : answered_) {
      if (entry.is_logged) continue;
      entry.is_appended = false;
      entry.is_lost = true;
    }
    renew_journal();
    return settle(error, "the permanent log can not be synced");
  }
  // The next generation is to be believed again.
  if (has_lost_lines()) journal_.reset();
  for (Answered& entry : answered_) entry.is_logged = true;
  return {};
}

bool Spool::has_lost_lines() const {
  return std::ranges::any_of(answered_, [](const Answered& entry) { return entry.is_lost && !entry.is_logged; });
}

std::error_code Spool::delete_answered() {
  for (const Answered& entry : answered_) {
    if (const auto error = disk_.remove(entry.record.name)) return settle(error, "a message can not be deleted");
    has_unsynced_deletions_ = true;
  }
  if (!must_move_again_) return {};
  for (const Moved& moved : moved_) {
    if (const auto error = disk_.set_aside(moved.record.name, moved.reason))
      return settle(error, "a message can not be set aside");
  }
  must_move_again_ = false;
  return {};
}

std::error_code Spool::sync_deleted() {
  if (!has_unsynced_deletions_) return {};
  if (const auto error = disk_.sync_directory()) {
    must_move_again_ = true;
    return settle(error, "the directory can not be synced");
  }
  has_unsynced_deletions_ = false;
  for (const Answered& entry : std::exchange(answered_, {})) busy_.erase(entry.record.name);
  std::vector<SendingRecord> records;
  for (Moved& moved : std::exchange(moved_, {})) {
    records.push_back(std::move(moved.record));
    records.back().kind = SendingRecord::Kind::returned;
  }
  // Not earlier: what was sent and moved may have come back, and is sent again.
  return records.empty() || !journal_ ? std::error_code() : append_journal(records);
}

std::error_code Spool::recheck() {
  std::error_code error = recover();
  if (!error) error = scan();
  if (!error) error = commit();
  // What failed may have been a write: this tells whether the disk takes one again, and brings what the journal lacks.
  if (!error && !trouble_.empty()) {
    error = renew_journal();
    if (error == std::errc::no_space_on_device) error.clear();  // one at a time then
    settle(error, "the journal can not be written");
  }
  if (!error && !std::exchange(trouble_, {}).empty()) {
    const Severity severity = std::has_single_bit(trouble_count_) ? Severity::info : Severity::notice;
    log_(severity, "", "Delayed messages are sent again");
  }
  return error;
}

void Spool::close() {
  if (commit() || !is_recovered_ || !journal_ || !journal_records().empty()) return;
  const bool is_empty = half_used_ == JournalHalf(disk_.boot_id(), generation_, {}).text().size();
  if (!is_empty) renew_journal();
}

std::error_code Spool::settle(std::error_code error, std::string_view what) {
  if (!error) return error;
  // So a disk calls whatever it does not follow or write to.
  const bool is_no_file = error == std::errc::too_many_symbolic_link_levels;
  std::string text =
      std::string(what) + ": " + (is_no_file ? "it is a link or no plain file; move it away" : error.message());
  if (std::exchange(trouble_, text) == text) return error;
  trouble_count_ = text == last_trouble_ ? trouble_count_ + 1 : 1;
  // What a recheck finds right and the next message wrong comes again and again; loncron counts warnings.
  const Severity severity = std::has_single_bit(trouble_count_) ? Severity::warning : Severity::notice;
  log_(severity, "", "Delayed messages are not sent: " + text + "; nothing is lost, and it is tried again");
  last_trouble_ = std::move(text);
  return error;
}

}  // namespace lonc::core
