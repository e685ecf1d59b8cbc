#include <lonc/core/spool.hpp>

#include <lonc/core/text.hpp>

#include <algorithm>
#include <bit>
#include <utility>

namespace lonc::core {

namespace {

// What is read ahead for one host; one message is handed out however long it is.
constexpr std::size_t batch_bytes = 256 * 1024;
// For all hosts together; beyond that each gets one at a time.
constexpr std::size_t all_bytes = 64 * 1024 * 1024;

// A writer that is cut short leaves an empty file or half a line: only what has not changed for so long is taken for
// what it is.
constexpr Duration settle_time = std::chrono::seconds{5};

constexpr Duration trouble_pause = std::chrono::seconds{5};

// While an earlier session of the same peer finishes what it was handed out.
constexpr Duration taken_pause = std::chrono::seconds{1};

}  // namespace

Spool::Spool(SpoolDisk& disk, SpoolOptions options, Log log, LogProgress progress)
    : disk_(disk), options_(options), log_(std::move(log)), progress_(std::move(progress)) {}

std::error_code Spool::scan() {
  index_.clear();
  const std::error_code error = disk_.list([this](std::string_view name) {
    if (!name.starts_with('.') && !is_handed_out(name)) index_.add(name);
  });
  is_scanned_ = !error;
  if (error) index_.clear();
  index_.sort();
  return settle(error, "the directory can not be read");
}

const std::string* Spool::appeared(std::string_view name) {
  return name.starts_with('.') || is_handed_out(name) ? nullptr : index_.add(name);
}

void Spool::forget(std::string_view name) {
  index_.forget(name);
  const auto at = unclear_.find(name);
  if (at != unclear_.end()) unclear_.erase(at);
}

std::size_t Spool::waiting(std::string_view host_id) const {
  const auto at = handed_out_.find(host_id);
  return index_.count(host_id) + (at == handed_out_.end() ? 0 : at->second.size());
}

std::optional<std::uint64_t> Spool::oldest(std::string_view host_id) const {
  const auto at = handed_out_.find(host_id);
  if (at != handed_out_.end() && !at->second.empty()) return at->second.front().name.timestamp;
  return index_.oldest(host_id);
}

// The order is that of the promise: nothing is deleted before its S: line is durable, and nothing is sent before the
// journal is. The deletions are synced last, when the sync of the journal has carried them along already.
std::vector<DelayedBatch> Spool::hand_out(const std::vector<std::string>& hosts) {
  std::vector<DelayedBatch> batches(hosts.size());
  std::error_code error = recover();
  if (!error && !is_scanned_) error = scan();
  if (!error) {
    for (std::size_t i = 0; i != hosts.size(); ++i) batches[i] = read_next(hosts[i]);
    error = log_answered();
  }
  if (!error) error = delete_answered();
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
  DelayedBatch batch;
  auto& handed_out = handed_out_[host_id];
  if (!handed_out.empty()) {
    batch.retry_after = taken_pause;
    return batch;
  }
  const std::size_t most = std::max<std::size_t>(1, options_.batch);
  std::size_t bytes = 0;
  const auto changed_at = [&](const std::string& name) {
    std::uint64_t time = 0;
    const std::error_code error = settle(disk_.changed_at(name, time), "a message can not be looked at");
    if (error) batch.retry_after = trouble_pause;
    return error ? std::nullopt : std::optional(time);
  };
  const std::size_t most_bytes = bytes_handed_out_ < all_bytes ? batch_bytes : 1;
  while (handed_out.size() < most && bytes < most_bytes) {
    auto name = index_.take_first(host_id, changed_at);
    if (!name) break;
    const std::size_t before = batch.messages.size();
    if (!take_file(host_id, std::move(*name), batch)) break;
    if (batch.messages.size() > before) bytes += batch.messages.back().line.size();
  }
  return batch;
}

// False if the host gets nothing more for now: its messages are sent in their order, so none is passed over that may
// become whole.
bool Spool::take_file(const std::string& host_id, DelayedName name, DelayedBatch& batch) {
  const SpoolFile file = disk_.read(name.text, options_.line_limit + 2);
  std::string reason;
  switch (file.state) {
    case SpoolFile::State::missing:
      unclear_.erase(name.text);
      return true;
    case SpoolFile::State::failed:
      put_back(host_id, name);
      settle(file.error, "a message can not be read");
      batch.retry_after = trouble_pause;
      return false;
    case SpoolFile::State::not_a_file:
      reason = "it is not a file";
      break;
    case SpoolFile::State::unreadable:
      reason = "it can not be read: " + file.error.message();
      break;
    case SpoolFile::State::read: {
      CheckedContent checked = check_delayed_content(file.content, host_id, options_.line_limit);
      const bool may_grow = checked.kind == DelayedContent::unterminated || checked.kind == DelayedContent::empty;
      const Duration wanted_age = may_grow ? std::max(options_.min_age, settle_time) : options_.min_age;
      if (file.age < wanted_age) {
        put_back(host_id, name);
        batch.retry_after = wanted_age - file.age;
        return false;
      }
      if (!checked.reason.empty()) {
        reason = std::move(checked.reason);
        break;
      }
      busy_.insert(name.text);
      const auto tried = unclear_.find(name.text);
      const unsigned attempts =
          tried == unclear_.end() || tried->second.inode != file.inode ? 0 : tried->second.attempts;
      batch.messages.push_back({name.text, std::string(checked.line), attempts});
      handed_out_[host_id].push_back({std::move(name), file.inode, attempts, checked.line.size()});
      bytes_handed_out_ += checked.line.size();
      return true;
    }
  }
  if (!quarantine(host_id, name.text, reason)) {
    unclear_.erase(name.text);
    return true;
  }
  put_back(host_id, name);
  batch.retry_after = trouble_pause;
  return false;
}

// The journal has no room for it.
void Spool::take_back_last(const std::string& host_id, DelayedBatch& batch) {
  auto& handed_out = handed_out_[host_id];
  put_back(host_id, handed_out.back().name);
  bytes_handed_out_ -= handed_out.back().bytes;
  handed_out.pop_back();
  batch.messages.pop_back();
  if (batch.messages.empty()) batch.retry_after = taken_pause;
}

void Spool::put_back(std::string_view host_id, const DelayedName& name) {
  busy_.erase(name.text);
  index_.put_back(host_id, name);
}

Spool::HandedOut Spool::take_front(std::string_view host_id) {
  const auto at = handed_out_.find(host_id);
  if (at == handed_out_.end() || at->second.empty()) return {};
  HandedOut front = std::move(at->second.front());
  bytes_handed_out_ -= front.bytes;
  at->second.pop_front();
  unclear_.erase(front.name.text);
  return front;
}

// The S: line goes first: if the process dies between the two, the message is sent and logged once more, and it is the
// one that the journal names.
std::error_code Spool::answered(std::string_view host_id, std::string_view record) {
  HandedOut front = take_front(host_id);
  // Its directory is not the same any more; that it was delivered is still true.
  if (front.name.text.empty()) return settle(disk_.append_log(record), "the permanent log can not be written");
  Answered& entry = answered_.emplace_back();
  entry.record = {SendingRecord::Kind::answered, front.inode, std::string(host_id), std::move(front.name.text)};
  entry.log_line = record;
  std::error_code error = settle(disk_.append_log(record), "the permanent log can not be written");
  entry.is_appended = !error;
  if (std::exchange(is_unplanned_, false)) return error ? error : commit();
  if (!error) error = append_journal({entry.record});
  note_told();
  // A host that has nothing left comes to hand_out() next, where the commit costs less.
  const auto rest = handed_out_.find(host_id);
  if (!error && is_batch_full() && rest != handed_out_.end() && !rest->second.empty()) error = commit();
  return error;
}

std::error_code Spool::set_aside(std::string_view host_id, std::string_view reason) {
  HandedOut front = take_front(host_id);
  if (front.name.text.empty()) return {};
  SendingRecord record{SendingRecord::Kind::unclear, front.inode, std::string(host_id), front.name.text};
  const bool is_unplanned = std::exchange(is_unplanned_, false);
  if (const auto error = quarantine(host_id, front.name.text, reason)) {
    unclear_.emplace(front.name.text, record);
    name_doubtful(record, "it could not be set aside; it is sent again");
    put_back(host_id, front.name);
    if (!is_unplanned) append_journal({record});
    return error;
  }
  busy_.erase(front.name.text);
  moved_.push_back({std::move(record), std::string(reason)});
  if (is_unplanned) return commit();
  const auto rest = handed_out_.find(host_id);
  return is_batch_full() && rest != handed_out_.end() && !rest->second.empty() ? commit() : std::error_code();
}

std::error_code Spool::quarantine(std::string_view host_id, const std::string& name, std::string_view reason) {
  const std::error_code error = disk_.set_aside(name, reason);
  if (settle(error, "a message can not be set aside")) return error;
  has_unsynced_deletions_ = true;
  ++set_aside_count_;
  // loncron counts warnings: of a thousand spoilt files ten are told as such.
  const Severity severity = std::has_single_bit(set_aside_count_) ? Severity::warning : Severity::notice;
  log_(severity, host_id,
       "Delayed message " + escape_outside_text(name) + " was set aside in delayed/quarantine: " + std::string(reason) +
           "; correct it and release it (loncctl queue release), " + std::to_string(set_aside_count_) +
           " set aside since the start");
  return {};
}

void Spool::failed(std::string_view host_id, unsigned attempts) {
  const auto at = handed_out_.find(host_id);
  if (at == handed_out_.end() || at->second.empty()) return;
  HandedOut& front = at->second.front();
  front.attempts = attempts;
  SendingRecord record = planned(host_id, front);
  record.kind = SendingRecord::Kind::failed;
  if (journal_ && !is_unplanned_) append_journal({record});
}

void Spool::returned(std::string_view host_id, bool first_was_sent) {
  const auto at = handed_out_.find(host_id);
  if (at == handed_out_.end()) return;
  std::vector<SendingRecord> records;
  for (const HandedOut& message : std::exchange(at->second, {})) {
    bytes_handed_out_ -= message.bytes;
    SendingRecord record{SendingRecord::Kind::returned, message.inode, std::string(host_id), message.name.text,
                         message.attempts};
    const bool is_unclear = message.attempts > 0 || unclear_.contains(message.name.text);
    if (std::exchange(first_was_sent, false) || is_unclear) {
      record.kind = SendingRecord::Kind::unclear;
      unclear_.insert_or_assign(message.name.text, record);
    }
    records.push_back(std::move(record));
    put_back(host_id, message.name);
  }
  // If this is not written, the next start names more than it has to.
  if (!records.empty() && !std::exchange(is_unplanned_, false) && journal_) append_journal(records);
}

}  // namespace lonc::core
