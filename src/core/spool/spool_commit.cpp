// The part of Spool that decides the order in which things become durable, and restores order after a crash or after
// trouble.
#include <lonc/core/spool/spool.hpp>

#include <algorithm>
#include <utility>

namespace lonc::core {

std::error_code Spool::commit() {
  forget_written_reports();
  std::error_code error = log_answered();
  if (!error) error = delete_answered();
  if (!error) error = sync_deleted();
  return error;
}

// A failed sync may have dropped the data that it was to write, so all of it is written again from memory. Until that
// succeeds, the journal says that a later process must not trust what was written before.
std::error_code Spool::log_answered() {
  if (has_lost_lines()) {
    for (const Answered& entry : answered_) {
      if (entry.was_lost)
        report_possible_duplicate(entry.record, "the permanent log could not be synced and is written once more");
    }
    // Their names become durable before the lines are written.
    const auto error = renew_journal();
    if (error && error != std::errc::no_space_on_device) return note_trouble(error, "the journal cannot be written");
  }
  bool has_new = false;
  for (Answered& entry : answered_) {
    if (entry.is_durable) continue;
    has_new = true;
    if (entry.is_appended) continue;
    if (const auto error = disk_.append_log(entry.log_line))
      return note_log_trouble(error, "the permanent log cannot be written");
    entry.is_appended = true;
  }
  if (!has_new) return {};
  if (const auto error = disk_.sync_log()) {
    for (Answered& entry : answered_) {
      if (entry.is_durable) continue;
      entry.is_appended = false;
      entry.was_lost = true;
    }
    renew_journal();
    return note_log_trouble(error, "the permanent log cannot be synced");
  }
  // The next generation can be trusted again.
  if (has_lost_lines()) journal_.end_half();
  for (Answered& entry : answered_) entry.is_durable = true;
  return {};
}

bool Spool::has_lost_lines() const {
  return std::ranges::any_of(answered_, [](const Answered& entry) { return entry.was_lost && !entry.is_durable; });
}

std::error_code Spool::delete_answered() {
  for (const Answered& entry : answered_) {
    if (const auto error = disk_.remove(entry.record.name)) return note_trouble(error, "a message cannot be deleted");
    has_unsynced_deletions_ = true;
  }
  if (!must_quarantine_again_) return {};
  for (const Quarantined& message : quarantined_unsynced_) {
    if (const auto error = disk_.set_aside(message.record.name, message.reason))
      return note_trouble(error, "a message cannot be quarantined");
  }
  must_quarantine_again_ = false;
  return {};
}

std::error_code Spool::sync_deleted() {
  if (!has_unsynced_deletions_) return {};
  if (const auto error = disk_.sync_directory()) {
    must_quarantine_again_ = true;
    return note_trouble(error, "the directory cannot be synced");
  }
  has_unsynced_deletions_ = false;
  for (const Answered& entry : std::exchange(answered_, {})) busy_.erase(entry.record.name);
  answered_bytes_ = 0;
  std::vector<SendingRecord> records;
  for (Quarantined& message : std::exchange(quarantined_unsynced_, {})) {
    records.push_back(std::move(message.record));
    records.back().kind = SendingRecord::Kind::returned;
  }
  // Not earlier: before the sync, a crash may bring back a message that was sent and quarantined, and it is then sent
  // again.
  return records.empty() || !journal_.is_begun() ? std::error_code() : keep_in_journal(records);
}

std::vector<SendingRecord> Spool::open_in_journal() const {
  std::vector<SendingRecord> records = possible_duplicates_.unwritten();
  for (const auto& [name, record] : sent_unanswered_) records.push_back(record);
  for (const auto& [host_id, messages] : handed_out_) {
    for (const HandedOut& message : messages) records.push_back(planned(host_id, message));
  }
  for (const Answered& entry : answered_) records.push_back(entry.record);
  for (const Quarantined& message : quarantined_unsynced_) records.push_back(message.record);
  return records;
}

// The records are already part of the state in memory, so a newly begun half contains them too.
std::error_code Spool::keep_in_journal(const std::vector<SendingRecord>& records) {
  if (const auto error = journal_.append(records)) return note_trouble(*error, "the journal cannot be written");
  const std::error_code error = renew_journal();
  return error == std::errc::no_space_on_device ? error : note_trouble(error, "the journal cannot be written");
}

// Begins another half, without the records that are closed.
std::error_code Spool::renew_journal() {
  return journal_.begin(has_lost_lines() ? std::string() : disk_.boot_id(), open_in_journal());
}

void Spool::report_possible_duplicate(SendingRecord record, std::string_view why) {
  const auto unwritten = possible_duplicates_.report(std::move(record), why);
  if (unwritten && journal_.is_begun()) keep_in_journal({*unwritten});
}

void Spool::forget_written_reports() {
  const std::vector<SendingRecord> written = possible_duplicates_.take_written();
  // If this is not written, the next start reports more possible duplicates than necessary.
  if (!written.empty() && journal_.is_begun()) keep_in_journal(written);
}

std::error_code Spool::note_trouble(std::error_code error, std::string_view what) {
  return trouble_.note(error, SpoolTrouble::Place::spool, what);
}

std::error_code Spool::note_log_trouble(std::error_code error, std::string_view what) {
  return trouble_.note(error, SpoolTrouble::Place::permanent_log, what);
}

// --- after a crash or after trouble

// As long as the machine has not been restarted, everything that the previous process wrote is present: messages that
// it had an answer for need not be sent again, and of the messages handed out to a host at most the first can have been
// sent. After a restart of the machine anything that was not synced may be missing, so everything that was handed out
// may have been sent. The same applies after a failed sync.
std::error_code Spool::recover() {
  if (is_recovered_) return {};
  ParsedJournal left;
  if (const auto error = journal_.read(left)) return note_trouble(error, "the journal cannot be read");
  if (left.boot_id.empty() || left.boot_id != disk_.boot_id()) is_log_unreliable_ = true;
  if (!is_log_unreliable_) {
    if (const auto error = disk_.sync_log()) {
      // A later success would say nothing about the lines that this sync may have dropped.
      is_log_unreliable_ = true;
      journal_.begin({}, left.records);
      return note_log_trouble(error, "the permanent log cannot be synced");
    }
  }
  const std::vector<SendingRecord> open = open_records(left);
  std::vector<SendingRecord> sent;
  std::unordered_set<std::string_view> in_flight;  // hosts whose message in flight has been found
  for (const SendingRecord& record : open) {
    const bool is_planned = record.kind == SendingRecord::Kind::planned;
    const bool is_first = !is_planned || !in_flight.contains(record.host_id);
    const std::size_t before = sent.size();
    if (const auto error = recover_message(record, is_first, sent)) return error;
    if (is_planned && sent.size() > before) in_flight.insert(record.host_id);
  }
  if (const auto error = disk_.sync_directory()) return note_trouble(error, "the directory cannot be synced");
  for (SendingRecord& record : unwritten_names(left))
    report_possible_duplicate(std::move(record), "lonc ended before its log was known to name it");
  for (SendingRecord& record : sent) {
    report_possible_duplicate(record, "lonc ended before its answer was on the disk; it is sent again");
    if (record.kind != SendingRecord::Kind::unclear && record.attempts == 0) continue;
    record.kind = SendingRecord::Kind::unclear;
    sent_unanswered_.insert_or_assign(record.name, record);
  }
  std::error_code error = journal_.rewrite_read();
  if (!error) error = renew_journal();
  is_recovered_ = !error || error == std::errc::no_space_on_device;
  if (!is_recovered_) return note_trouble(error, "the journal cannot be written");
  if (disk_.boot_id().empty())
    log_(Severity::warning, "",
         "The boot id (/proc/sys/kernel/random/boot_id) cannot be read: if lonc is killed, delayed messages that were "
         "answered may be sent twice; make /proc/sys readable for lonc");
  return {};
}

std::error_code Spool::recover_message(const SendingRecord& record, bool is_first, std::vector<SendingRecord>& sent) {
  using Kind = SendingRecord::Kind;
  const SpoolFile file = disk_.read(record.name, 0);
  if (file.state == SpoolFile::State::failed) return note_trouble(file.error, "a message cannot be examined");
  if (file.state == SpoolFile::State::missing || file.inode != record.inode) return {};
  if (record.kind == Kind::logged || (record.kind == Kind::answered && !is_log_unreliable_))
    return note_trouble(disk_.remove(record.name), "a message cannot be deleted");
  if (is_log_unreliable_ || record.kind == Kind::unclear || record.was_unclear || is_first) sent.push_back(record);
  return {};
}

std::error_code Spool::recheck() {
  std::error_code error = recover();
  if (!error) error = scan();
  if (!error) error = commit();
  if (!error && missing_log_room_ > 0) {
    error = note_log_trouble(disk_.reserve_log(1, missing_log_room_), "the permanent log cannot be written");
    if (!error) missing_log_room_ = 0;
  }
  // The failure may have been a write: this shows whether the disk accepts writes again, and adds what the journal
  // lacks.
  if (!error && !trouble_.text().empty()) {
    error = renew_journal();
    if (error == std::errc::no_space_on_device) error.clear();  // messages are then handed out one at a time
    note_trouble(error, "the journal cannot be written");
  }
  if (!error) trouble_.clear();
  return error;
}

void Spool::close() {
  if (commit() || !is_recovered_ || !journal_.is_begun() || !open_in_journal().empty()) return;
  if (!journal_.is_empty()) renew_journal();
}

}  // namespace lonc::core
