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

  // `disk` must outlive it.
  Spool(SpoolDisk& disk, SpoolOptions options, Log log);

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
  // are empty.
  std::vector<DelayedBatch> hand_out(const std::vector<std::string>& hosts);

  // The oldest message that the host was handed out and has not answered for is through: `record` goes to the permanent
  // log. The file is deleted with its batch: when that is full, at the next hand_out() or commit(). After an error the
  // host must not be sent anything more of what it was handed out.
  std::error_code answered(std::string_view host_id, std::string_view record);
  // The same, but it goes to the quarantine.
  std::error_code set_aside(std::string_view host_id, std::string_view reason);
  // What is left of what the host was handed out will not be sent now. `first_was_sent`: but of the first it is not
  // known what became of it.
  void returned(std::string_view host_id, bool first_was_sent);

  // Logs, deletes and syncs what was answered.
  std::error_code commit();
  bool has_uncommitted() const { return !answered_.empty() || has_unsynced_deletions_; }
  // After trouble: tries again what failed, and reads the directory anew. All is well if it succeeds.
  std::error_code recheck();
  // commit(), and the journal is put away if nothing is open.
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
  };
  struct Answered {
    SendingRecord record;
    std::string log_line;
    bool is_appended = false;  // to the permanent log, since its last failure
    bool is_logged = false;  // durably
    bool is_lost = false;  // it was appended, but could not be synced
  };
  using Queues = std::map<std::string, std::deque<HandedOut>, std::less<>>;

  // spool.cpp: handing out and what comes of it
  DelayedBatch read_next(const std::string& host_id, std::string& journal);
  bool take_file(const std::string& host_id, DelayedName name, DelayedBatch& batch, std::string& journal);
  void put_back(std::string_view host_id, DelayedName name);
  HandedOut take_front(std::string_view host_id);
  bool is_batch_full() const { return answered_.size() + moved_.size() >= options_.batch; }
  std::error_code quarantine(std::string_view host_id, const std::string& name, std::string_view reason);

  // spool_commit.cpp: what must be durable, and what becomes of it after a crash
  std::error_code recover_message(SendingRecord record, bool is_same_boot, bool is_first,
                                  std::vector<SendingRecord>& gone, std::vector<SendingRecord>& sent);
  void disbelieve_deleted(std::vector<SendingRecord> records);
  std::error_code log_answered();
  std::error_code delete_answered();
  std::error_code sync_deleted();
  void name_doubtful(const SendingRecord& record, std::string_view why);
  std::error_code append_journal(std::string_view text);
  std::error_code replace_journal(std::string_view text);
  std::error_code sync_journal();
  std::error_code compact_journal();
  std::string journal_text() const;
  std::error_code settle(std::error_code error, std::string_view what);

  SpoolDisk& disk_;
  SpoolOptions options_;
  Log log_;
  SpoolIndex index_;
  Queues handed_out_;
  std::unordered_set<std::string> busy_;  // names in handed_out_ and answered_
  std::vector<Answered> answered_;  // at most a batch, in trouble one more for each host
  std::vector<SendingRecord> moved_;  // to the quarantine after they were sent, since the directory was synced
  // Sent, and what became of it is not known; the journal names them until they are sent again and answered.
  std::map<std::string, SendingRecord, std::less<>> unclear_;
  std::vector<SendingRecord> unbelieved_;  // deleted or moved, but the sync of that failed: the journal keeps them
  std::size_t journal_bytes_ = 0;  // 0: there is none
  std::size_t compact_at_ = 0;  // bytes of the journal at which it is written anew
  bool is_journal_torn_ = false;  // its end may be half a line
  bool is_recovered_ = false;
  bool is_log_disbelieved_ = false;  // what the process before has appended could not be synced
  bool is_scanned_ = false;
  bool has_unsynced_deletions_ = false;
  std::string trouble_;
  std::string last_trouble_;
  std::size_t trouble_count_ = 0;  // how often the last one came again
  std::vector<std::string> doubtful_;
  std::size_t doubtful_count_ = 0;
  std::size_t set_aside_count_ = 0;
};

}  // namespace lonc::core
