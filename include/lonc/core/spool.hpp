// The delayed messages of all peers as transactions on a disk: handed out oldest first, logged and deleted when they
// were answered, set aside when they can not be sent, and put in order again after a crash (docs/spool-format.md).
// When to send, and what an answer means, is decided by PeerEngine.
#pragma once

#include <lonc/core/delayed_message.hpp>
#include <lonc/core/sending_journal.hpp>
#include <lonc/core/spool_disk.hpp>
#include <lonc/core/spool_index.hpp>
#include <lonc/core/types.hpp>

#include <chrono>
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

struct SpoolOptions {
  std::size_t line_limit = 16 * 1024 * 1024;   // bytes of a command
  Duration min_age = std::chrono::seconds{5};  // since the last change of its file
  std::size_t batch = 32;                      // answered messages that share one sync

  bool operator==(const SpoolOptions&) const = default;
};

class Spool {
 public:
  // `host_id` is empty for what is about no single one. The message holds nothing of a message's content.
  using Log = std::function<void(Severity, std::string_view host_id, std::string_view message)>;

  // How many lines the log was given so far, and how many of these it is through with: what was named counts as told
  // only then.
  struct LogProgress {
    std::function<std::uint64_t()> given;
    std::function<std::uint64_t()> done;
  };

  // `disk` must outlive it. Without `progress` a line is written when `log` returns.
  Spool(SpoolDisk& disk, SpoolOptions options, Log log, LogProgress progress = {});

  // The directory is read anew before anything is handed out.
  void set_hosts(const std::vector<std::string>& ids) {
    index_.set_hosts(ids);
    is_scanned_ = false;
  }
  void set_options(const SpoolOptions& options) { options_ = options; }

  // Finishes what a journal says of the process before, and names what may arrive twice. To be called until it
  // succeeds; before that nothing is handed out.
  std::error_code recover();
  bool is_recovered() const { return is_recovered_; }

  // Reads the directory anew. After an error nothing is handed out until it succeeds: half a directory has no order.
  std::error_code scan();
  // A name has been seen there. The host whose message it is; null if nobody's.
  const std::string* appeared(std::string_view name);

  // For each host its next messages, at most `batch` of them; none while it has some. When this returns, the disk
  // knows that they may have been sent, and all that was answered before is logged and deleted. In trouble the batches
  // are empty. Where the disk has no room for a journal, one message at a time is handed out, and is named.
  std::vector<DelayedBatch> hand_out(const std::vector<std::string>& hosts);

  // The oldest message that the host was handed out and has not answered for is through: `record` goes to the permanent
  // log. The file is deleted with its batch: when that is full, at the next hand_out() or commit(). After an error the
  // host must not be sent anything more of what it was handed out.
  std::error_code answered(std::string_view host_id, std::string_view record);
  // The same, but it goes to the quarantine.
  std::error_code set_aside(std::string_view host_id, std::string_view reason);
  // So many attempts count against the oldest message that the host was handed out; they outlive the process.
  void failed(std::string_view host_id, unsigned attempts);
  // What is left of what the host was handed out will not be sent now. `first_was_sent`: but of the first it is not
  // known what became of it.
  void returned(std::string_view host_id, bool first_was_sent);

  // Logs, deletes and syncs what was answered.
  std::error_code commit();
  bool has_uncommitted() const { return !answered_.empty() || has_unsynced_deletions_ || !untold_.empty(); }
  // After trouble: tries again what failed, and reads the directory anew. All is well if it succeeds.
  std::error_code recheck();
  // commit(), and the journal is emptied if nothing is open. It keeps its room.
  void close();

  // --- for status and administrators
  const SpoolIndex& index() const { return index_; }
  // Of one host: on the disk and not answered.
  std::size_t waiting(std::string_view host_id) const;
  // The oldest of them, as its name says: Unix seconds.
  std::optional<std::uint64_t> oldest(std::string_view host_id) const;
  std::size_t waiting() const { return index_.total() + busy_.size() - answered_.size(); }
  // What went wrong last and has not gone right since; empty if all is well. In words.
  const std::string& trouble() const { return trouble_; }
  // Since the start: messages that may have reached the peer twice, the latest ones by name.
  std::size_t doubtful_count() const { return doubtful_count_; }
  const std::vector<std::string>& doubtful() const { return doubtful_; }
  std::size_t set_aside_count() const { return set_aside_count_; }
  bool is_handed_out(std::string_view name) const { return busy_.contains(std::string(name)); }
  // An administrator has moved or deleted it.
  void forget(std::string_view name);

 private:
  struct HandedOut {
    DelayedName name;
    std::uint64_t inode = 0;
    unsigned attempts = 0;  // that failed
    std::size_t bytes = 0;  // of its line
  };
  static SendingRecord planned(std::string_view host_id, const HandedOut& message);
  struct Answered {
    SendingRecord record;
    std::string log_line;
    bool is_appended = false;  // to the permanent log, since its last failure
    bool is_logged = false;  // durably
    bool is_lost = false;  // it was appended, but could not be synced
  };
  struct Moved {
    SendingRecord record;
    std::string reason;
  };
  struct Untold {
    SendingRecord record;
    std::uint64_t line = 0;  // of the log
  };
  using Queues = std::map<std::string, std::deque<HandedOut>, std::less<>>;

  // spool.cpp: handing out and what comes of it
  DelayedBatch read_next(const std::string& host_id);
  bool take_file(const std::string& host_id, DelayedName name, DelayedBatch& batch);
  void take_back_last(const std::string& host_id, DelayedBatch& batch);
  void put_back(std::string_view host_id, const DelayedName& name);
  HandedOut take_front(std::string_view host_id);
  bool is_batch_full() const { return answered_.size() + moved_.size() >= options_.batch; }
  std::error_code quarantine(std::string_view host_id, const std::string& name, std::string_view reason);

  // spool_commit.cpp: what must be durable, and what becomes of it after a crash
  std::error_code recover_message(const SendingRecord& record, bool is_believed, bool is_first,
                                  std::vector<SendingRecord>& sent);
  std::error_code log_answered();
  bool has_lost_lines() const;
  std::error_code delete_answered();
  std::error_code sync_deleted();
  void name_doubtful(SendingRecord record, std::string_view why);
  void note_told();
  std::error_code settle(std::error_code error, std::string_view what);

  // spool_journal.cpp
  std::error_code plan(const std::vector<std::string>& hosts, std::vector<DelayedBatch>& batches);
  std::error_code plan_without_journal(const std::vector<std::string>& hosts, std::vector<DelayedBatch>& batches);
  std::vector<SendingRecord> journal_records() const;
  std::error_code append_journal(const std::vector<SendingRecord>& records);
  std::error_code renew_journal();
  std::error_code write_generation(std::string_view boot_id, const std::vector<SendingRecord>& records);
  std::error_code put_journal(const std::string& text);

  SpoolDisk& disk_;
  SpoolOptions options_;
  Log log_;
  SpoolIndex index_;
  Queues handed_out_;
  std::size_t bytes_handed_out_ = 0;
  std::unordered_set<std::string> busy_;  // names in handed_out_ and answered_
  std::vector<Answered> answered_;  // at most a batch, in trouble one more for each host
  std::vector<Moved> moved_;  // to the quarantine after they were sent, since the directory was synced
  // Sent, and what became of it is not known; the journal names them until they are sent again and answered.
  std::map<std::string, SendingRecord, std::less<>> unclear_;
  // Named as what may be doubled: the journal keeps it until the log has written that.
  std::map<std::string, Untold, std::less<>> untold_;
  LogProgress progress_;
  std::optional<JournalHalf> journal_;  // the one that counts; none if the next record begins another
  std::uint64_t generation_ = 0;
  std::size_t half_ = 0;  // which one it is
  std::size_t half_room_ = 0;  // bytes of each; 0: there is no journal
  std::size_t half_used_ = 0;
  bool is_unplanned_ = false;  // the only message that is handed out stands in no journal
  bool is_recovered_ = false;
  bool is_disbelieved_ = false;  // a sync of what the process before has appended to the permanent log has failed
  bool is_scanned_ = false;
  bool has_unsynced_deletions_ = false;
  bool must_move_again_ = false;  // the sync of that has failed
  std::string trouble_;
  std::string last_trouble_;
  std::size_t trouble_count_ = 0;  // how often the last one came again
  std::vector<std::string> doubtful_;
  std::size_t doubtful_count_ = 0;
  std::size_t set_aside_count_ = 0;
};

}  // namespace lonc::core
