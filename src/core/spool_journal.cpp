// The part of Spool that keeps the journal within its room: two halves of a file of fixed length, written in turn, so
// that a disk without any room left can be emptied.
#include <lonc/core/spool.hpp>

#include <algorithm>
#include <utility>

namespace lonc::core {

namespace {

// Bytes of each half. That of the small one is for a disk that has no more; both grow with what is open.
constexpr std::size_t usual_half = 64 * 1024;
constexpr std::size_t least_half = 4 * 1024;

bool is_full(std::error_code error) { return error == std::errc::no_space_on_device; }

}  // namespace

// Puts down that the messages of the batches may be sent from now on. What the journal has no room for is taken back.
std::error_code Spool::plan(const std::vector<std::string>& hosts, std::vector<DelayedBatch>& batches) {
  std::vector<SendingRecord> records;
  for (std::size_t i = 0; i != hosts.size(); ++i) {
    if (batches[i].messages.empty()) continue;
    for (const HandedOut& message : handed_out_[hosts[i]]) records.push_back(planned(hosts[i], message));
  }
  if (records.empty()) return {};
  const std::uint64_t before = generation_;
  if (const auto error = append_journal(records); !is_full(error)) {
    if (error || generation_ != before) return error;  // a generation that has begun is durable
    const auto unsynced = disk_.sync_journal();
    if (unsynced) journal_.reset();
    return settle(unsynced, "the journal can not be synced");
  }
  std::size_t wanted = JournalHalf(disk_.boot_id(), generation_ + 1, journal_records()).text().size();
  for (std::size_t i = hosts.size(); i-- > 0 && wanted > half_room_;) {
    while (!batches[i].messages.empty() && wanted > half_room_) {
      // The header counts the records, and may become shorter.
      wanted -= JournalHalf({}, 0, {}).line(planned(hosts[i], handed_out_[hosts[i]].back())).size();
      if (records.size() == 1) return plan_without_journal(hosts, batches);
      take_back_last(hosts[i], batches[i]);
      records.pop_back();
    }
  }
  return settle(renew_journal(), "the journal can not be written");
}

// If nothing else is out, the last one goes all the same: its end makes room. Should lonc end first, nobody will know.
std::error_code Spool::plan_without_journal(const std::vector<std::string>& hosts, std::vector<DelayedBatch>& batches) {
  const std::size_t out = busy_.size() - answered_.size();
  for (std::size_t i = 0; i != hosts.size(); ++i) {
    if (batches[i].messages.empty()) continue;
    if (out > 1) {
      take_back_last(hosts[i], batches[i]);
      continue;
    }
    const HandedOut& message = handed_out_[hosts[i]].front();
    is_unplanned_ = true;
    name_doubtful(planned(hosts[i], message),
                  "the disk has no room for the journal; if lonc is killed now, it is sent again");
  }
  return {};
}

SendingRecord Spool::planned(std::string_view host_id, const HandedOut& message) {
  return {.kind = SendingRecord::Kind::planned,
          .inode = message.inode,
          .host_id = std::string(host_id),
          .name = message.name.text,
          .attempts = message.attempts};
}

std::vector<SendingRecord> Spool::journal_records() const {
  std::vector<SendingRecord> records;
  for (const auto& [name, untold] : untold_) records.push_back(untold.record);
  for (const auto& [name, record] : unclear_) records.push_back(record);
  for (const auto& [host_id, messages] : handed_out_) {
    for (const HandedOut& message : messages) records.push_back(planned(host_id, message));
  }
  for (const Answered& entry : answered_) records.push_back(entry.record);
  for (const Moved& moved : moved_) records.push_back(moved.record);
  return records;
}

// What the records say is known here already, so that a new generation says it as well.
std::error_code Spool::append_journal(const std::vector<SendingRecord>& records) {
  std::string text;
  if (journal_) {
    for (const SendingRecord& record : records) text += journal_->line(record);
  }
  if (!journal_ || half_used_ + text.size() > half_room_) {
    const auto error = renew_journal();
    return is_full(error) ? error : settle(error, "the journal can not be written");
  }
  if (const auto error = disk_.write_journal(half_ * half_room_ + half_used_, text)) {
    journal_.reset();
    return settle(error, "the journal can not be written");
  }
  half_used_ += text.size();
  return {};
}

// Without what is closed. errc::no_space_on_device if that is too much for it, and it is as it was.
std::error_code Spool::renew_journal() {
  return write_generation(has_lost_lines() ? std::string() : disk_.boot_id(), journal_records());
}

std::error_code Spool::write_generation(std::string_view boot_id, const std::vector<SendingRecord>& records) {
  JournalHalf half(boot_id, generation_ + 1, records);
  const std::error_code error = put_journal(half.text());
  if (is_full(error)) return error;
  ++generation_;
  if (error) {
    journal_.reset();
    return error;
  }
  half_used_ = half.text().size();
  journal_ = std::move(half);
  return {};
}

// In place, unless another length suits better. The half that counts is not touched.
std::error_code Spool::put_journal(const std::string& text) {
  const bool is_tight = 2 * text.size() > half_room_;
  const bool is_wide = half_room_ > usual_half && text.size() < usual_half / 4;
  if (is_tight || is_wide) {
    std::size_t wanted = usual_half;
    while (wanted < 2 * text.size()) wanted *= 2;
    for (; wanted >= text.size() && wanted >= least_half && (is_wide || wanted > half_room_); wanted /= 2) {
      std::string bytes = text;
      bytes.resize(2 * wanted, '\0');
      const std::error_code error = disk_.replace_journal(bytes);
      if (is_full(error)) continue;
      half_room_ = error ? 0 : wanted;
      half_ = 0;
      return error;
    }
  }
  if (text.size() > half_room_) return std::make_error_code(std::errc::no_space_on_device);
  const std::size_t other = 1 - half_;
  std::string bytes = text;
  bytes.resize(half_room_, '\0');
  std::error_code error = disk_.write_journal(other * half_room_, bytes);
  if (!error) error = disk_.sync_journal();
  if (!error) half_ = other;
  return error;
}

}  // namespace lonc::core
