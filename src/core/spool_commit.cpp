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

constexpr std::size_t longest_journal = 256 * 1024;  // bytes; then it is written anew without what is closed
constexpr std::size_t most_unbelieved = 4096;
constexpr std::size_t most_names_told = 100;

}  // namespace

// While the machine has not been restarted, everything that the process before had written is there: what it had an
// answer for need not be sent again, and of what was handed out at most the first can have been sent. After a restart
// of the machine anything that is not synced may be missing, so everything that was handed out may have been sent.
std::error_code Spool::recover() {
  if (is_recovered_) return {};
  std::string text;
  if (const auto error = disk_.read_journal(text)) return settle(error, "the journal can not be read");
  const SendingJournal journal = parse_journal(text);
  const std::vector<SendingRecord> open = open_records(journal);
  const bool is_same_boot = !journal.boot_id.empty() && journal.boot_id == disk_.boot_id();
  if (is_same_boot && !is_log_disbelieved_) {
    if (const auto error = disk_.sync_log()) {
      // The next success would tell nothing about the lines that this one may have dropped.
      is_log_disbelieved_ = true;
      std::string doubt = "\n";
      for (SendingRecord record : open) {
        if (record.kind != SendingRecord::Kind::answered) continue;
        record.kind = SendingRecord::Kind::unclear;
        doubt += to_journal_line(record);
      }
      disk_.append_journal(doubt);
      return settle(error, "the permanent log can not be synced");
    }
  }
  std::vector<SendingRecord> gone;  // for certain only after the sync of the directory
  std::vector<SendingRecord> sent;
  std::unordered_set<std::string> in_flight;  // hosts of which the one that was in flight has been found
  std::error_code error;
  for (const SendingRecord& record : open) {
    const bool is_first = record.kind != SendingRecord::Kind::planned || !in_flight.contains(record.host_id);
    const std::size_t before = sent.size();
    if (!error) error = recover_message(record, is_same_boot, is_first, gone, sent);
    if (sent.size() > before && record.kind == SendingRecord::Kind::planned) in_flight.insert(record.host_id);
  }
  if (!error) error = settle(disk_.sync_directory(), "the directory can not be synced");
  if (error) {
    disbelieve_deleted(std::move(gone));
    return error;
  }
  for (const SendingRecord& record : sent)
    name_doubtful(record, "lonc ended before its answer was on the disk; it is sent again");
  error = replace_journal(unbelieved_.empty() ? std::string() : journal_text());
  is_recovered_ = !error;
  if (is_recovered_ && disk_.boot_id().empty())
    log_(Severity::warning, "",
         "The boot id (/proc/sys/kernel/random/boot_id) can not be read: if lonc is killed, delayed messages that were "
         "answered may be sent twice; make /proc/sys readable for lonc");
  return error;
}

std::error_code Spool::recover_message(SendingRecord record, bool is_same_boot, bool is_first,
                                       std::vector<SendingRecord>& gone, std::vector<SendingRecord>& sent) {
  using Kind = SendingRecord::Kind;
  const SpoolFile file = disk_.read(record.name, 0);
  if (file.state == SpoolFile::State::failed) return settle(file.error, "a message can not be looked at");
  const bool is_there = file.state != SpoolFile::State::missing && file.inode == record.inode;
  const bool is_believed = is_same_boot && !is_log_disbelieved_;
  if (!is_there) {
    if (!is_same_boot) return {};
    // The sync that follows makes it durable that it is gone, unless a process has seen one fail before.
    const bool is_doubted = record.kind == Kind::logged || record.kind == Kind::unclear;
    if (record.kind == Kind::planned || (record.kind == Kind::answered && !is_believed)) record.kind = Kind::unclear;
    const bool is_known = std::ranges::find(unbelieved_, record.name, &SendingRecord::name) != unbelieved_.end();
    if (!is_known) (is_doubted ? unbelieved_ : gone).push_back(std::move(record));
    return {};
  }
  if (record.kind == Kind::logged || (record.kind == Kind::answered && is_believed)) {
    if (const auto error = disk_.remove(record.name)) return settle(error, "a message can not be deleted");
    gone.push_back(std::move(record));
    return {};
  }
  if (!is_same_boot || is_first) sent.push_back(std::move(record));
  return {};
}

// They may come back after a loss of power, whatever a later sync of the directory says.
void Spool::disbelieve_deleted(std::vector<SendingRecord> records) {
  if (records.empty()) return;
  std::string text;
  for (SendingRecord& record : records) {
    // What was moved may be wanted back: it must not be deleted.
    if (record.kind != SendingRecord::Kind::unclear) record.kind = SendingRecord::Kind::logged;
    text += to_journal_line(record);
    if (unbelieved_.size() < most_unbelieved) unbelieved_.push_back(std::move(record));
  }
  if (!is_recovered_) {
    disk_.append_journal("\n" + text);
  } else if (!append_journal(text)) {
    sync_journal();
  }
}

void Spool::name_doubtful(const SendingRecord& record, std::string_view why) {
  if (std::ranges::find(doubtful_, record.name) != doubtful_.end()) return;
  log_(Severity::warning, record.host_id,
       "Delayed message " + escape_outside_text(record.name) + " may have two S: lines, or reach " + record.host_id +
           " twice: " + std::string(why));
  ++doubtful_count_;
  if (doubtful_.size() == most_names_told) doubtful_.erase(doubtful_.begin());
  doubtful_.push_back(record.name);
}

std::error_code Spool::commit() {
  std::error_code error = log_answered();
  if (!error) error = delete_answered();
  if (!error) error = sync_deleted();
  return error;
}

// An fsync that failed may have dropped what it was to write, so its lines are written once more.
std::error_code Spool::log_answered() {
  bool has_new = false;
  for (Answered& entry : answered_) {
    if (entry.is_logged) continue;
    has_new = true;
    if (entry.is_appended) continue;
    if (entry.is_lost) name_doubtful(entry.record, "the permanent log could not be synced and is written once more");
    if (const auto error = disk_.append_log(entry.log_line))
      return settle(error, "the permanent log can not be written");
    entry.is_appended = true;
  }
  if (!has_new) return {};
  if (const auto error = disk_.sync_log()) {
    // A later process would take what the journal calls answered for logged.
    std::string doubt;
    for (Answered& entry : answered_) {
      if (entry.is_logged) continue;
      entry.is_appended = false;
      entry.is_lost = true;
      entry.record.kind = SendingRecord::Kind::unclear;
      doubt += to_journal_line(entry.record);
    }
    append_journal(doubt);
    return settle(error, "the permanent log can not be synced");
  }
  for (Answered& entry : answered_) entry.is_logged = true;
  return {};
}

std::error_code Spool::delete_answered() {
  for (const Answered& entry : answered_) {
    if (const auto error = disk_.remove(entry.record.name)) return settle(error, "a message can not be deleted");
    has_unsynced_deletions_ = true;
  }
  return {};
}

// If the directory can not be synced, the deleted files may come back after a loss of power, whatever a later sync
// says. The journal then keeps for as long as this process lives that they are through.
std::error_code Spool::sync_deleted() {
  if (!has_unsynced_deletions_) return {};
  const std::error_code error = disk_.sync_directory();
  std::vector<SendingRecord> gone = std::exchange(moved_, {});
  std::string text;
  for (SendingRecord record : gone) {
    record.kind = SendingRecord::Kind::returned;
    text += to_journal_line(record);
  }
  for (Answered& entry : std::exchange(answered_, {})) {
    busy_.erase(entry.record.name);
    entry.record.kind = SendingRecord::Kind::logged;
    gone.push_back(std::move(entry.record));
  }
  if (error) {
    disbelieve_deleted(std::move(gone));
    return settle(error, "the directory can not be synced");
  }
  has_unsynced_deletions_ = false;
  // Not earlier: what was sent and moved may have come back, and is sent again.
  return text.empty() ? std::error_code() : append_journal(text);
}

std::error_code Spool::append_journal(std::string_view text) {
  if (journal_bytes_ == 0) {
    if (const auto error = replace_journal(journal_header(disk_.boot_id()))) return error;
  }
  // After half a line, or a hole, the next one begins on its own.
  const std::error_code error =
      disk_.append_journal(is_journal_torn_ ? std::string("\n").append(text) : std::string(text));
  is_journal_torn_ = static_cast<bool>(error);
  if (error) return settle(error, "the journal can not be written");
  journal_bytes_ += text.size();
  return {};
}

std::error_code Spool::replace_journal(std::string_view text) {
  if (const auto error = disk_.replace_journal(text)) return settle(error, "the journal can not be written");
  journal_bytes_ = text.size();
  // What is open may be long of itself.
  compact_at_ = std::max(longest_journal, 2 * text.size());
  is_journal_torn_ = false;
  return {};
}

std::error_code Spool::sync_journal() {
  const std::error_code error = disk_.sync_journal();
  if (error) is_journal_torn_ = true;
  return settle(error, "the journal can not be synced");
}

std::error_code Spool::compact_journal() {
  return journal_bytes_ == 0 || journal_bytes_ < compact_at_ ? std::error_code() : replace_journal(journal_text());
}

// Without what is closed.
std::string Spool::journal_text() const {
  std::string text = journal_header(disk_.boot_id());
  for (const SendingRecord& record : unbelieved_) text += to_journal_line(record);
  for (const auto& [name, record] : unclear_) text += to_journal_line(record);
  for (const auto& [host_id, messages] : handed_out_) {
    for (const HandedOut& message : messages)
      text += to_journal_line({SendingRecord::Kind::planned, message.inode, host_id, message.name.text});
  }
  for (const Answered& entry : answered_) text += to_journal_line(entry.record);
  for (const SendingRecord& record : moved_) text += to_journal_line(record);
  return text;
}

std::error_code Spool::recheck() {
  std::error_code error = recover();
  if (!error) error = scan();
  if (!error) error = commit();
  // What failed may have been a write: this tells whether the disk takes one again, and brings what the journal lacks.
  if (!error && !trouble_.empty()) error = replace_journal(journal_text());
  if (!error && !std::exchange(trouble_, {}).empty()) {
    const Severity severity = std::has_single_bit(trouble_count_) ? Severity::info : Severity::notice;
    log_(severity, "", "Delayed messages are sent again");
  }
  return error;
}

void Spool::close() {
  const bool is_open =
      commit() || std::ranges::any_of(handed_out_, [](const auto& queue) { return !queue.second.empty(); });
  if (is_open || !is_recovered_ || !unclear_.empty() || !unbelieved_.empty() || journal_bytes_ == 0) return;
  replace_journal("");
  journal_bytes_ = 0;  // whatever came of it: nothing in it is missed
}

std::error_code Spool::settle(std::error_code error, std::string_view what) {
  if (!error) return error;
  std::string text = std::string(what) + ": " + error.message();
  if (std::exchange(trouble_, text) == text) return error;
  trouble_count_ = text == last_trouble_ ? trouble_count_ + 1 : 1;
  // What a recheck finds right and the next message wrong comes again and again; loncron counts warnings.
  const Severity severity = std::has_single_bit(trouble_count_) ? Severity::warning : Severity::notice;
  log_(severity, "", "Delayed messages are not sent: " + text + "; nothing is lost, and it is tried again");
  last_trouble_ = std::move(text);
  return error;
}

}  // namespace lonc::core
