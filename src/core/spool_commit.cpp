// The part of Spool that makes promises: what is durable before what, and how a crash is put in order.
#include <lonc/core/spool.hpp>
#include <lonc/core/text.hpp>

#include <algorithm>
#include <set>
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
  const bool is_same_boot = !journal.boot_id.empty() && journal.boot_id == disk_.boot_id();
  if (!text.empty() && is_same_boot) {
    if (const auto error = disk_.sync_log()) return settle(error, "the permanent log can not be synced");
  }
  std::vector<SendingRecord> doubtful;
  std::set<std::string> sending;
  for (const SendingRecord& record : open_records(journal)) {
    if (disk_.inode_of(record.name) != record.inode) continue;
    const bool is_through =
        record.kind == SendingRecord::Kind::logged || (record.kind == SendingRecord::Kind::answered && is_same_boot);
    if (is_through) {
      if (const auto error = disk_.remove(record.name)) return settle(error, "a message can not be deleted");
    } else if (!is_same_boot || sending.insert(record.host_id).second) {
      doubtful.push_back(record);
    }
  }
  if (const auto error = disk_.sync_directory()) return settle(error, "the directory can not be synced");
  for (const SendingRecord& record : doubtful)
    name_doubtful(record, "lonc ended before its answer was on the disk; it is sent again");
  if (const auto error = disk_.replace_journal("")) return settle(error, "the journal can not be written");
  is_recovered_ = true;
  return {};
}

void Spool::name_doubtful(const SendingRecord& record, std::string_view why) {
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
    if (const auto error = disk_.append_log(entry.log_line))
      return settle(error, "the permanent log can not be written");
    entry.is_appended = true;
    if (log_has_failed_) name_doubtful(entry.record, "the permanent log could not be synced and was written once more");
  }
  if (!has_new) return {};
  if (const auto error = disk_.sync_log()) {
    log_has_failed_ = true;
    for (Answered& entry : answered_) entry.is_appended = entry.is_logged;
    return settle(error, "the permanent log can not be synced");
  }
  log_has_failed_ = false;
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
  std::string text;
  for (Answered& entry : std::exchange(answered_, {})) {
    busy_.erase(entry.record.name);
    if (!error) continue;
    entry.record.kind = SendingRecord::Kind::logged;
    text += to_journal_line(entry.record);
    if (unbelieved_.size() < most_unbelieved) unbelieved_.push_back(std::move(entry.record));
  }
  if (!error) {
    has_unsynced_deletions_ = false;
    return {};
  }
  if (!text.empty() && !append_journal(text)) disk_.sync_journal();
  return settle(error, "the directory can not be synced");
}

std::error_code Spool::append_journal(std::string_view text) {
  if (journal_bytes_ == 0) {
    const std::string header = journal_header(disk_.boot_id());
    if (const auto error = disk_.replace_journal(header)) return settle(error, "the journal can not be written");
    journal_bytes_ = header.size();
  }
  if (const auto error = disk_.append_journal(text)) return settle(error, "the journal can not be written");
  journal_bytes_ += text.size();
  return {};
}

std::error_code Spool::compact_journal() {
  if (journal_bytes_ < longest_journal + unbelieved_.size() * most_names_told) return {};
  std::string text = journal_header(disk_.boot_id());
  for (const auto& [name, record] : unclear_) text += to_journal_line(record);
  for (const auto& [host_id, messages] : handed_out_) {
    for (const HandedOut& message : messages)
      text += to_journal_line({SendingRecord::Kind::planned, message.inode, host_id, message.name.text});
  }
  for (const Answered& entry : answered_) text += to_journal_line(entry.record);
  for (const SendingRecord& record : unbelieved_) text += to_journal_line(record);
  if (const auto error = disk_.replace_journal(text)) return settle(error, "the journal can not be written");
  journal_bytes_ = text.size();
  return {};
}

std::error_code Spool::recheck() {
  std::error_code error = recover();
  if (!error) error = scan();
  if (!error) error = commit();
  // What failed may have been a write: a blank line tells whether the disk takes one again, and means nothing.
  if (!error && !trouble_.empty()) error = append_journal("\n");
  if (!error && !trouble_.empty()) error = settle(disk_.sync_journal(), "the journal can not be synced");
  if (!error && !std::exchange(trouble_, {}).empty()) log_(Severity::info, "", "Delayed messages are sent again");
  return error;
}

void Spool::close() {
  const bool is_open =
      commit() || std::ranges::any_of(handed_out_, [](const auto& queue) { return !queue.second.empty(); });
  if (!is_open && is_recovered_ && unclear_.empty() && unbelieved_.empty() && journal_bytes_ > 0 &&
      !disk_.replace_journal(""))
    journal_bytes_ = 0;
}

std::error_code Spool::settle(std::error_code error, std::string_view what) {
  if (!error) return error;
  std::string text = std::string(what) + ": " + error.message();
  if (std::exchange(trouble_, text) != text)
    log_(Severity::warning, "", "Delayed messages are not sent: " + text + "; nothing is lost, and it is tried again");
  return error;
}

}  // namespace lonc::core
