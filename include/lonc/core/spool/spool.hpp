// The delayed messages of all peers as transactions on a disk: handed out oldest first, logged and deleted once
// answered, quarantined if they cannot be sent, and restored to order after a crash (docs/spool-format.md). PeerEngine
// decides when to send and what an answer means. Lives on the spool's thread.
#pragma once

#include <lonc/core/base/types.hpp>
#include <lonc/core/spool/delayed_message.hpp>
#include <lonc/core/spool/spool_disk.hpp>
#include <lonc/core/spool/spool_index.hpp>
#include <lonc/core/spool/spool_journal.hpp>
#include <lonc/core/spool/spool_reports.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <vector>

namespace lonc::core {

class Spool {
 public:
  // `disk` must outlive it.
  Spool(SpoolDisk& disk, SpoolOptions options, SpoolLog log, SpoolLogProgress progress = {});

  // The directory is read again before anything is handed out.
  void set_hosts(const std::vector<std::string>& ids) {
    index_.set_hosts(ids);
    is_scanned_ = false;
  }
  void set_options(const SpoolOptions& options) { options_ = options; }

  // Completes what the journal of the previous process says, and reports what may arrive twice. Call it until it
  // succeeds; until then nothing is handed out.
  std::error_code recover();
  bool is_recovered() const { return is_recovered_; }

  // Reads the directory again. After an error nothing is handed out until this succeeds: an incomplete listing has no
  // order.
  std::error_code scan();
  // A name has appeared in the directory. Returns the host whose message it is; null if it belongs to no host.
  const std::string* appeared(std::string_view name);

  // Returns the next messages for each host, at most `batch` each; none while the host still has some. When this
  // returns, the disk records that they may have been sent, and everything answered before is logged and deleted. The
  // batches are empty while the disk is in trouble or the permanent log cannot grow. If the disk has no room for a
  // journal, one message at a time is handed out, and it is reported as a possible duplicate.
  std::vector<DelayedBatch> hand_out(const std::vector<std::string>& hosts);

  // The oldest message that the host was handed out and has not answered is done: `record` goes to the permanent log.
  // The file is deleted together with its batch: when the batch is full, or at the next hand_out() or commit(). After
  // an error nothing more of what the host was handed out may be sent.
  std::error_code answered(std::string_view host_id, std::string_view record);
  // The same, but the message goes to the quarantine.
  std::error_code set_aside(std::string_view host_id, std::string_view reason);
  // Sets the number of attempts that count against the oldest message that the host was handed out. It outlives the
  // process.
  void failed(std::string_view host_id, unsigned attempts);
  // The remaining messages that the host was handed out will not be sent now. `first_was_sent`: the first of them was
  // sent, but its outcome is unknown.
  void returned(std::string_view host_id, bool first_was_sent);

  // Logs, deletes and syncs what was answered.
  std::error_code commit();
  bool has_uncommitted() const {
    return !answered_.empty() || has_unsynced_deletions_ || possible_duplicates_.has_unwritten();
  }
  // After trouble: retries what failed, and reads the directory again. If it succeeds, the trouble is over.
  std::error_code recheck();
  // commit(), and empties the journal if nothing is open. The journal keeps its space on the disk.
  void close();

  // --- for status and administrators
  const SpoolIndex& index() const { return index_; }
  // Messages of one host that are on the disk and not answered.
  std::size_t waiting(std::string_view host_id) const;
  // The oldest of them, according to its name: Unix seconds.
  std::optional<std::uint64_t> oldest(std::string_view host_id) const;
  std::size_t waiting() const { return index_.total() + busy_.size() - answered_.size(); }
  // What went wrong last and has not succeeded since. Only the caller logs it.
  const SpoolTrouble& trouble() const { return trouble_; }
  std::vector<SpoolTrouble::LogLine> take_trouble_log_lines() { return trouble_.take_log_lines(); }
  const PossibleDuplicates& possible_duplicates() const { return possible_duplicates_; }
  std::size_t set_aside_count() const { return set_aside_count_; }
  bool is_handed_out(std::string_view name) const { return busy_.contains(std::string(name)); }
  // An administrator has moved or deleted it.
  void forget(std::string_view name);

 private:
  struct HandedOut {
    DelayedName name;
    std::uint64_t inode = 0;
    unsigned attempts = 0;  // failed attempts
    std::size_t bytes = 0;  // of its line
  };
  static SendingRecord planned(std::string_view host_id, const HandedOut& message);
  struct Answered {
    SendingRecord record;
    std::string log_line;
    bool is_appended = false;  // to the permanent log, since the log's last failure
    bool is_durable = false;  // in the permanent log
    bool was_lost = false;  // it was appended but could not be synced
  };
  struct Quarantined {
    SendingRecord record;
    std::string reason;
  };
  using Queues = std::map<std::string, std::deque<HandedOut>, std::less<>>;

  // spool.cpp: handing out messages and handling the outcome
  DelayedBatch read_next(const std::string& host_id);
  bool take_file(const std::string& host_id, DelayedName name, DelayedBatch& batch);
  void take_back_last(const std::string& host_id, DelayedBatch& batch);
  bool take_back_all_but_one(const std::vector<std::string>& hosts, std::vector<DelayedBatch>& batches);
  std::error_code reserve_log(const std::vector<std::string>& hosts, std::vector<DelayedBatch>& batches);
  std::error_code plan(const std::vector<std::string>& hosts, std::vector<DelayedBatch>& batches);
  void plan_without_journal(const std::vector<std::string>& hosts, std::vector<DelayedBatch>& batches);
  void put_back(std::string_view host_id, const DelayedName& name);
  HandedOut take_front(std::string_view host_id);
  bool is_batch_full() const;
  std::error_code quarantine(std::string_view host_id, const std::string& name, std::string_view reason);

  // spool_commit.cpp: the order in which things become durable
  std::error_code log_answered();
  bool has_lost_lines() const;
  std::error_code delete_answered();
  std::error_code sync_deleted();
  std::vector<SendingRecord> open_in_journal() const;
  std::error_code keep_in_journal(const std::vector<SendingRecord>& records);
  std::error_code renew_journal();
  void report_possible_duplicate(SendingRecord record, std::string_view why);
  void forget_written_reports();
  std::error_code note_trouble(std::error_code error, std::string_view what);
  std::error_code note_log_trouble(std::error_code error, std::string_view what);

  // spool_commit.cpp: recovery after a crash and after trouble
  std::error_code recover_message(const SendingRecord& record, bool is_first, std::vector<SendingRecord>& sent);

  SpoolDisk& disk_;
  SpoolOptions options_;
  SpoolLog log_;
  SpoolIndex index_;
  SpoolJournal journal_;
  SpoolTrouble trouble_;
  PossibleDuplicates possible_duplicates_;
  Queues handed_out_;  // no queue is empty: it is of the hosts that have not answered everything they were handed out
  std::size_t bytes_handed_out_ = 0;
  std::unordered_set<std::string> busy_;  // names in handed_out_ and answered_
  std::vector<Answered> answered_;  // at most a batch; in trouble one more for each host
  std::size_t answered_bytes_ = 0;  // of their lines
  std::vector<Quarantined> quarantined_unsynced_;  // sent, then quarantined, since the last sync of the directory
  // Sent, outcome unknown. The journal names them until they are sent again and answered.
  std::map<std::string, SendingRecord, std::less<>> sent_unanswered_;
  std::size_t missing_log_room_ = 0;  // bytes needed for the message that is not sent because it could not be logged
  bool is_out_unjournaled_ = false;  // the only message that is handed out has no journal record
  bool is_recovered_ = false;
  bool is_log_unreliable_ = false;  // what the previous process appended to the permanent log may be lost
  bool is_scanned_ = false;
  bool has_unsynced_deletions_ = false;
  bool must_quarantine_again_ = false;  // the sync after setting aside has failed
  std::size_t set_aside_count_ = 0;
};

}  // namespace lonc::core
