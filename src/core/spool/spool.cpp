#include <lonc/core/spool/spool.hpp>

#include <lonc/core/base/text.hpp>

#include <algorithm>
#include <bit>
#include <utility>

namespace lonc::core {

namespace {

// The most that is read ahead for one host. One message is always handed out, however long it is.
constexpr std::size_t batch_bytes = 256 * 1024;
// For all hosts together. Beyond that each host gets one message at a time.
constexpr std::size_t all_bytes = 64 * 1024 * 1024;

// The most that is kept of answered messages until they are committed.
constexpr std::size_t answered_bytes = 4 * 1024 * 1024;

// An interrupted writer leaves an empty file or half a line. Such a file is judged by its content only if it has not
// changed for this long.
constexpr Duration settle_time = std::chrono::seconds{5};

constexpr Duration trouble_pause = std::chrono::seconds{5};

// While an earlier session of the same peer finishes what it was handed out.
constexpr Duration taken_pause = std::chrono::seconds{1};

// Bytes of a journal record with a long host id.
constexpr std::size_t usual_record = 128;

}  // namespace

Spool::Spool(SpoolDisk& disk, SpoolOptions options, SpoolLog log, SpoolLogProgress progress)
    : disk_(disk),
      options_(options),
      log_(std::move(log)),
      journal_(disk),
      possible_duplicates_(log_, std::move(progress)) {}

std::error_code Spool::scan() {
  index_.clear();
  const std::error_code error = disk_.list([this](std::string_view name) {
    if (!name.starts_with('.') && !is_handed_out(name)) index_.add(name);
  });
  is_scanned_ = !error;
  if (error) index_.clear();
  index_.sort();
  return note_trouble(error, "the directory cannot be read");
}

const std::string* Spool::appeared(std::string_view name) {
  return name.starts_with('.') || is_handed_out(name) ? nullptr : index_.add(name);
}

void Spool::forget(std::string_view name) {
  index_.forget(name);
  const auto at = sent_unanswered_.find(name);
  if (at != sent_unanswered_.end()) sent_unanswered_.erase(at);
}

std::size_t Spool::waiting(std::string_view host_id) const {
  const auto at = handed_out_.find(host_id);
  return index_.count(host_id) + (at == handed_out_.end() ? 0 : at->second.size());
}

std::optional<std::uint64_t> Spool::oldest(std::string_view host_id) const {
  const auto at = handed_out_.find(host_id);
  return at == handed_out_.end() ? index_.oldest(host_id) : at->second.front().name.timestamp;
}

// The order follows from the guarantees: nothing is deleted before its S: line is durable, and nothing is sent before
// there is room for its S: line and the journal is durable. The deletions are synced last, because the sync of the
// journal has then already written them too.
std::vector<DelayedBatch> Spool::hand_out(const std::vector<std::string>& hosts) {
  std::vector<DelayedBatch> batches(hosts.size());
  std::error_code error = recover();
  if (!error && !is_scanned_) error = scan();
  if (!error) {
    for (std::size_t i = 0; i != hosts.size(); ++i) batches[i] = read_next(hosts[i]);
    error = log_answered();
  }
  if (!error) error = delete_answered();
  if (!error) error = reserve_log(hosts, batches);
  if (!error) error = plan(hosts, batches);
  if (!error) error = sync_deleted();
  for (std::size_t i = 0; i != hosts.size(); ++i) {
    if (error && !batches[i].messages.empty()) returned(hosts[i], false);
    if (error) batches[i] = {.messages = {}, .retry_after = trouble_pause, .is_held_up = true};
    batches[i].waiting = waiting(hosts[i]);
  }
  return batches;
}

DelayedBatch Spool::read_next(const std::string& host_id) {
  if (handed_out_.contains(host_id)) return {.retry_after = taken_pause};
  DelayedBatch batch;
  const std::size_t most = std::max<std::size_t>(1, options_.batch);
  std::size_t bytes = 0;
  const auto changed_at = [&](const std::string& name) {
    std::uint64_t time = 0;
    const std::error_code error = note_trouble(disk_.changed_at(name, time), "a message cannot be examined");
    if (error) batch.retry_after = trouble_pause;
    return error ? std::nullopt : std::optional(time);
  };
  const std::size_t most_bytes = bytes_handed_out_ < all_bytes ? batch_bytes : 1;
  while (batch.messages.size() < most && bytes < most_bytes) {
    auto name = index_.take_first(host_id, changed_at);
    if (!name) break;
    const std::size_t before = batch.messages.size();
    if (!take_file(host_id, std::move(*name), batch)) break;
    if (batch.messages.size() > before) bytes += batch.messages.back().line.size();
  }
  return batch;
}

// False if the host gets nothing more for now. Its messages are sent in order, so a message that may still become
// complete is not skipped.
bool Spool::take_file(const std::string& host_id, DelayedName name, DelayedBatch& batch) {
  const SpoolFile file = disk_.read(name.text, options_.line_limit + 2);
  const auto wait = [&](Duration pause) {
    put_back(host_id, name);
    batch.retry_after = pause;
    return false;
  };
  std::string reason;
  switch (file.state) {
    case SpoolFile::State::missing:
      sent_unanswered_.erase(name.text);
      return true;
    case SpoolFile::State::failed:
      note_trouble(file.error, "a message cannot be read");
      return wait(trouble_pause);
    case SpoolFile::State::not_a_file:
      reason = "it is not a file";
      break;
    case SpoolFile::State::unreadable:
      reason = "it cannot be read: " + file.error.message();
      break;
    case SpoolFile::State::read: {
      CheckedContent checked = check_delayed_content(file.content, host_id, options_.line_limit);
      const bool may_grow = checked.kind == DelayedContent::unterminated || checked.kind == DelayedContent::empty;
      const Duration wanted_age = may_grow ? std::max(options_.min_age, settle_time) : options_.min_age;
      if (file.age < wanted_age) return wait(wanted_age - file.age);
      if (!checked.reason.empty()) {
        reason = std::move(checked.reason);
        break;
      }
      busy_.insert(name.text);
      const auto tried = sent_unanswered_.find(name.text);
      const unsigned attempts =
          tried == sent_unanswered_.end() || tried->second.inode != file.inode ? 0 : tried->second.attempts;
      batch.messages.push_back({name.text, std::string(checked.line), attempts});
      handed_out_[host_id].push_back({std::move(name), file.inode, attempts, checked.line.size()});
      bytes_handed_out_ += checked.line.size();
      return true;
    }
  }
  if (quarantine(host_id, name.text, reason)) return wait(trouble_pause);
  sent_unanswered_.erase(name.text);
  return true;
}

// Takes the last message of the batch back, because there is no room for its record or its log line.
void Spool::take_back_last(const std::string& host_id, DelayedBatch& batch) {
  auto& handed_out = handed_out_[host_id];
  put_back(host_id, handed_out.back().name);
  bytes_handed_out_ -= handed_out.back().bytes;
  handed_out.pop_back();
  batch.messages.pop_back();
  if (!handed_out.empty()) return;
  batch.retry_after = taken_pause;
  handed_out_.erase(host_id);
}

// Takes back all messages, but keeps one if nothing else is handed out. True if one was kept.
bool Spool::take_back_all_but_one(const std::vector<std::string>& hosts, std::vector<DelayedBatch>& batches) {
  std::size_t out = busy_.size() - answered_.size();
  for (std::size_t i = hosts.size(); i-- > 0;) {
    for (; !batches[i].messages.empty(); --out) {
      if (out == 1) return true;
      take_back_last(hosts[i], batches[i]);
    }
  }
  return false;
}

// If there is no room for the log lines of all messages, one message at a time is handed out: if the disk also holds
// the log, finishing that message makes room. A host that has to wait for more than that one is in trouble.
std::error_code Spool::reserve_log(const std::vector<std::string>& hosts, std::vector<DelayedBatch>& batches) {
  if (std::ranges::all_of(batches, [](const DelayedBatch& batch) { return batch.messages.empty(); })) return {};
  std::size_t bytes = 0;
  const auto reserve = [&] {
    std::size_t lines = 0;
    bytes = bytes_handed_out_;
    for (const auto& [host_id, messages] : handed_out_) {
      lines += messages.size();
      bytes += messages.size() * host_id.size();
    }
    return disk_.reserve_log(lines, bytes);
  };
  std::error_code error = reserve();
  if (error && take_back_all_but_one(hosts, batches)) {
    error = reserve();
  } else if (error == std::errc::no_space_on_device && busy_.size() - answered_.size() == 1) {
    return {};
  }
  missing_log_room_ = error ? bytes : 0;
  return note_log_trouble(error, "the permanent log cannot be written");
}

// Records in the journal that the messages of the batches may be sent from now on. Messages for which the journal has
// no room are taken back.
std::error_code Spool::plan(const std::vector<std::string>& hosts, std::vector<DelayedBatch>& batches) {
  std::vector<SendingRecord> records;
  for (std::size_t i = 0; i != hosts.size(); ++i) {
    if (batches[i].messages.empty()) continue;
    for (const HandedOut& message : handed_out_[hosts[i]]) records.push_back(planned(hosts[i], message));
  }
  if (records.empty()) return {};
  if (const auto error = journal_.append(records)) {
    if (*error) return note_trouble(*error, "the journal cannot be written");
    return note_trouble(journal_.sync(), "the journal cannot be synced");
  }
  const std::error_code error = renew_journal();
  if (error != std::errc::no_space_on_device) return note_trouble(error, "the journal cannot be written");
  std::size_t wanted = journal_.size_of(disk_.boot_id(), open_in_journal());
  for (std::size_t i = hosts.size(); i-- > 0 && wanted > journal_.half_size();) {
    while (!batches[i].messages.empty() && wanted > journal_.half_size()) {
      // The header contains the number of records, so it may become shorter.
      wanted -= SpoolJournal::size_of(planned(hosts[i], handed_out_[hosts[i]].back()));
      if (records.size() == 1) {
        plan_without_journal(hosts, batches);
        return {};
      }
      take_back_last(hosts[i], batches[i]);
      records.pop_back();
    }
  }
  return note_trouble(renew_journal(), "the journal cannot be written");
}

// If nothing else is handed out, the last message is sent without a journal record: finishing it makes room. If lonc
// ends before that, nothing will show that it was sent.
void Spool::plan_without_journal(const std::vector<std::string>& hosts, std::vector<DelayedBatch>& batches) {
  if (!take_back_all_but_one(hosts, batches)) return;
  for (std::size_t i = 0; i != hosts.size(); ++i) {
    if (batches[i].messages.empty()) continue;
    is_out_unjournaled_ = true;
    report_possible_duplicate(planned(hosts[i], handed_out_[hosts[i]].front()),
                              "the disk has no room for the journal; if lonc is killed now, it is sent again");
  }
}

SendingRecord Spool::planned(std::string_view host_id, const HandedOut& message) {
  return {.kind = SendingRecord::Kind::planned,
          .inode = message.inode,
          .host_id = std::string(host_id),
          .name = message.name.text,
          .attempts = message.attempts};
}

void Spool::put_back(std::string_view host_id, const DelayedName& name) {
  busy_.erase(name.text);
  index_.put_back(host_id, name);
}

Spool::HandedOut Spool::take_front(std::string_view host_id) {
  const auto at = handed_out_.find(host_id);
  if (at == handed_out_.end()) return {};
  HandedOut front = std::move(at->second.front());
  bytes_handed_out_ -= front.bytes;
  at->second.pop_front();
  if (at->second.empty()) handed_out_.erase(at);
  sent_unanswered_.erase(front.name.text);
  return front;
}

// One answer per busy peer may be in the batch; otherwise a backlog of thousands of peers would need a sync for every
// few answers. However many peers share a sync, a power failure repeats at most one batch per peer. The journal must
// hold the answers until then, so they may take at most half of a journal half.
bool Spool::is_batch_full() const {
  const std::size_t wanted =
      std::max(options_.batch, std::min(handed_out_.size(), journal_.half_size() / 2 / usual_record));
  return answered_.size() + quarantined_unsynced_.size() >= wanted;
}

// The S: line is written first: if the process dies before the journal record is written, the message is sent and
// logged again, and it is the message that the journal names.
std::error_code Spool::answered(std::string_view host_id, std::string_view record) {
  HandedOut front = take_front(host_id);
  // The spool directory has changed in the meantime; the message was delivered nevertheless.
  if (front.name.text.empty()) return note_log_trouble(disk_.append_log(record), "the permanent log cannot be written");
  Answered& entry = answered_.emplace_back();
  entry.record = {SendingRecord::Kind::answered, front.inode, std::string(host_id), std::move(front.name.text)};
  entry.log_line = record;
  answered_bytes_ += record.size();
  std::error_code error = note_log_trouble(disk_.append_log(record), "the permanent log cannot be written");
  entry.is_appended = !error;
  if (std::exchange(is_out_unjournaled_, false)) return error ? error : commit();
  if (!error) error = keep_in_journal({entry.record});
  forget_written_reports();
  // A host that has nothing left calls hand_out() next, where the commit costs less.
  const bool must_commit = (handed_out_.contains(host_id) && is_batch_full()) || answered_bytes_ >= answered_bytes;
  if (!error && must_commit) error = commit();
  return error;
}

std::error_code Spool::set_aside(std::string_view host_id, std::string_view reason) {
  HandedOut front = take_front(host_id);
  if (front.name.text.empty()) return {};
  SendingRecord record{SendingRecord::Kind::unclear, front.inode, std::string(host_id), front.name.text};
  const bool is_unjournaled = std::exchange(is_out_unjournaled_, false);
  if (const auto error = quarantine(host_id, front.name.text, reason)) {
    sent_unanswered_.emplace(front.name.text, record);
    report_possible_duplicate(record, "it could not be quarantined; it is sent again");
    put_back(host_id, front.name);
    if (!is_unjournaled) keep_in_journal({record});
    return error;
  }
  busy_.erase(front.name.text);
  quarantined_unsynced_.push_back({std::move(record), std::string(reason)});
  if (is_unjournaled) return commit();
  return handed_out_.contains(host_id) && is_batch_full() ? commit() : std::error_code();
}

std::error_code Spool::quarantine(std::string_view host_id, const std::string& name, std::string_view reason) {
  const std::error_code error = disk_.set_aside(name, reason);
  if (note_trouble(error, "a message cannot be quarantined")) return error;
  has_unsynced_deletions_ = true;
  ++set_aside_count_;
  // loncron counts warnings: of a thousand bad files only ten are logged as warnings.
  const Severity severity = std::has_single_bit(set_aside_count_) ? Severity::warning : Severity::routine;
  log_(severity, host_id,
       "Delayed message " + escape_outside_text(name) + " was quarantined: " + std::string(reason) +
           "; correct it in delayed/quarantine and release it (loncctl queue release); " +
           std::to_string(set_aside_count_) + " quarantined since the start");
  return {};
}

void Spool::failed(std::string_view host_id, unsigned attempts) {
  const auto at = handed_out_.find(host_id);
  if (at == handed_out_.end()) return;
  HandedOut& front = at->second.front();
  front.attempts = attempts;
  SendingRecord record = planned(host_id, front);
  record.kind = SendingRecord::Kind::failed;
  if (journal_.is_begun() && !is_out_unjournaled_) keep_in_journal({record});
}

void Spool::returned(std::string_view host_id, bool first_was_sent) {
  const auto at = handed_out_.find(host_id);
  if (at == handed_out_.end()) return;
  const std::deque<HandedOut> messages = std::move(at->second);
  handed_out_.erase(at);
  std::vector<SendingRecord> records;
  for (const HandedOut& message : messages) {
    bytes_handed_out_ -= message.bytes;
    SendingRecord record{SendingRecord::Kind::returned, message.inode, std::string(host_id), message.name.text,
                         message.attempts};
    const bool is_unclear = message.attempts > 0 || sent_unanswered_.contains(message.name.text);
    if (std::exchange(first_was_sent, false) || is_unclear) {
      record.kind = SendingRecord::Kind::unclear;
      sent_unanswered_.insert_or_assign(message.name.text, record);
    }
    records.push_back(std::move(record));
    put_back(host_id, message.name);
  }
  // If this is not written, the next start reports more possible duplicates than necessary.
  if (!std::exchange(is_out_unjournaled_, false) && journal_.is_begun()) keep_in_journal(records);
}

}  // namespace lonc::core
