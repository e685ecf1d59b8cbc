#include <lonc/node/spool/queue_service.hpp>

#include <lonc/core/base/text.hpp>
#include <lonc/core/spool/delayed_message.hpp>
#include <lonc/core/spool/spool_journal.hpp>
#include <lonc/core/wire/session_cipher.hpp>
#include <lonc/os/files.hpp>
#include <lonc/os/unique_fd.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <utility>

namespace lonc::node {

namespace {

using Hosts = std::set<std::string, std::less<>>;

std::optional<core::OwnedDelayedName> owned_name(std::string_view name, const Hosts& hosts) {
  auto owned = core::parse_delayed_name(name, [&](std::string_view id) { return hosts.contains(id); });
  return owned ? owned : core::parse_delayed_name(name, [](std::string_view) { return true; });
}

// The peer for which a file of this name is a message, even one that is not in `hosts`. Empty if it is not a message.
std::string peer_of_message(std::string_view name, const Hosts& hosts) {
  const auto owned = owned_name(name, hosts);
  return owned ? std::string(owned->host_id) : std::string();
}

// The order of delivery.
struct Place {
  std::uint64_t timestamp = 0;
  std::uint64_t changed_at = 0;
  std::string name;

  auto operator<=>(const Place&) const = default;
};

// Keeps the first `limit` of the items it is given, in order.
template <typename Item>
class Oldest {
 public:
  explicit Oldest(std::size_t limit) : limit_(limit) {}

  // Calls `changed_at` only for items that may be among the first, since it accesses the disk.
  template <typename ChangedAt>
  void add(core::DelayedName name, Item item, ChangedAt changed_at) {
    ++total_;
    const bool is_full = items_.size() >= limit_;
    if (is_full && (limit_ == 0 || name.timestamp > std::prev(items_.end())->first.timestamp)) return;
    items_.emplace(Place{name.timestamp, changed_at(name.text), std::move(name.text)}, std::move(item));
    if (items_.size() > limit_) items_.erase(std::prev(items_.end()));
  }

  std::size_t total() const { return total_; }
  std::vector<Item> take() {
    std::vector<Item> items;
    for (auto& [key, item] : items_) items.push_back(std::move(item));
    return items;
  }

 private:
  std::size_t limit_;
  std::size_t total_ = 0;
  std::multimap<Place, Item> items_;
};

class Work {
 public:
  Work(const QueuePlace& place, const QueueRequest& request)
      : place_(place),
        request_(request),
        is_show_(request.action == QueueAction::show),
        bytes_needed_(is_show_ ? place.line_limit + 2 : bytes_for_command),
        names_(request.names.begin(), request.names.end()) {}

  QueueAnswer run() {
    const bool is_change = request_.action != QueueAction::list && !is_show_;
    // The disk reports an error only once. So the spool commits first: if the error were reported to the work done
    // here, the spool would miss it.
    if (is_change && place_.spool && (!place_.spool->is_recovered() || place_.spool->commit())) {
      answer_.error = "the disk is in trouble: " + place_.spool->trouble().text();
      return std::move(answer_);
    }
    if (!place_.spool) read_journal();
    const bool in_quarantine = request_.in_quarantine || request_.action == QueueAction::release;
    if (answer_.error.empty()) in_quarantine ? on_quarantined() : on_waiting();
    // `show` looks for a message in both places.
    if (is_show_ && !in_quarantine && answer_.error.empty() && !names_.empty()) on_quarantined();
    for (const std::string& name : names_) tell(name, "there is no such message");
    if (answer_.done > 0) finish();
    return std::move(answer_);
  }

 private:
  void tell(const std::string& name, std::string text) { answer_.problems.push_back({name, std::move(text)}); }
  void failed(std::string_view what, std::error_code error) {
    answer_.error = std::string(what) + ": " + error.message();
  }

  // Reads the records that a killed daemon left open. It determines the outcome of these messages when it starts again,
  // using the very names in the journal.
  void read_journal() {
    std::string text;
    if (const auto error = place_.disk.read_journal(text)) return failed("the journal cannot be read", error);
    for (core::SendingRecord& record : core::open_records(core::parse_journal(text)))
      unsettled_.emplace(std::move(record.name), record.inode);
  }

  bool is_wanted(const core::OwnedDelayedName& owned) const {
    return request_.is_all || owned.host_id == request_.peer;
  }

  // --- waiting messages

  void on_waiting() {
    for (const std::string& name : collect_waiting()) {
      const auto file = place_.disk.look(name, bytes_needed_);
      if (!file) continue;  // delivered in the meantime
      if (names_.erase(name) > 0) ++answer_.total;
      act_on_waiting(name, *file);
      if (!answer_.error.empty()) return;
    }
  }

  std::vector<std::string> collect_waiting() {
    if (!names_.empty()) {
      // Only names of messages are accepted: never a path, never one of lonc's own files.
      std::vector<std::string> found = request_.names;
      std::erase_if(found, [this](const std::string& name) {
        return name.find('/') != std::string::npos || !owned_name(name, place_.hosts);
      });
      return found;
    }
    Oldest<std::string> oldest(request_.limit);
    const std::error_code error = place_.disk.list([&](std::string_view name) {
      auto owned = owned_name(name, place_.hosts);
      if (!owned || !is_wanted(*owned)) return;
      std::string text = owned->name.text;
      oldest.add(std::move(owned->name), std::move(text), [this](const std::string& one) {
        std::uint64_t time = 0;
        place_.disk.changed_at(one, time);
        return time;
      });
    });
    if (error) failed("the directory cannot be read", error);
    answer_.total = oldest.total();
    return oldest.take();
  }

  void act_on_waiting(const std::string& name, const net::MessageFile& file) {
    QueuedMessage message = describe(name, name, file);
    message.state = state_of(message, file);
    if (request_.action == QueueAction::list || is_show_) return answer_.messages.push_back(std::move(message));
    if (message.state == "sending")
      return tell(name, "it is in flight, or next in turn after one that is: try again when that is answered");
    if (message.state == "unsettled")
      return tell(name, "lonc ended while it was to be sent: start lonc, which finds out what happened to it");
    const bool is_hold = request_.action == QueueAction::hold;
    const std::error_code error =
        is_hold ? place_.disk.set_aside(name, "held by an administrator") : place_.disk.remove(name);
    if (error) return tell(name, error.message());
    if (place_.spool) place_.spool->forget(name);
    done(message, is_hold ? "was held" : "was dropped");
  }

  std::string state_of(const QueuedMessage& message, const net::MessageFile& file) const {
    if (place_.spool && place_.spool->is_handed_out(message.name)) return "sending";
    const auto open = unsettled_.find(message.name);
    if (open != unsettled_.end() && open->second == file.inode) return "unsettled";
    return place_.hosts.contains(message.peer) ? "waiting" : "foreign";
  }

  // --- the quarantine

  void on_quarantined() {
    for (const net::QuarantinedMessage& quarantined : collect_quarantined()) {
      const auto file = place_.disk.look_quarantined(quarantined.file, bytes_needed_);
      if (!file) continue;
      if (names_.erase(quarantined.file) > 0) ++answer_.total;
      act_on_quarantined(quarantined, *file);
    }
  }

  std::vector<net::QuarantinedMessage> collect_quarantined() {
    Oldest<net::QuarantinedMessage> oldest(request_.limit);
    const std::error_code error = place_.disk.list_quarantine([&](const net::QuarantinedMessage& quarantined) {
      auto owned = owned_name(quarantined.name, place_.hosts);
      const bool is_wanted_one =
          request_.names.empty() ? request_.is_all || (owned && is_wanted(*owned)) : names_.contains(quarantined.file);
      if (is_wanted_one)
        oldest.add(owned ? std::move(owned->name) : core::DelayedName{}, quarantined, [](const auto&) { return 0U; });
    });
    if (error) failed("the quarantine cannot be read", error);
    if (request_.names.empty()) answer_.total = oldest.total();
    return oldest.take();
  }

  void act_on_quarantined(const net::QuarantinedMessage& quarantined, const net::MessageFile& file) {
    QueuedMessage message = describe(quarantined.file, quarantined.name, file);
    message.state = "quarantined";
    message.reason = quarantined.reason;
    message.original_name = quarantined.name;
    switch (request_.action) {
      case QueueAction::list:
      case QueueAction::show:
      case QueueAction::retry:
        return answer_.messages.push_back(std::move(message));
      case QueueAction::hold:
        return tell(quarantined.file, "it is already held");
      case QueueAction::drop:
        if (const auto error = place_.disk.remove_quarantined(quarantined))
          return tell(quarantined.file, error.message());
        return done(message, "was dropped from the quarantine");
      case QueueAction::release:
        if (!core::is_delayed_name(quarantined.name))
          return tell(quarantined.file, "its previous name is not known: move it by hand");
        if (const auto error = place_.disk.release(quarantined))
          return tell(quarantined.file,
                      error == std::errc::file_exists ? "a message with its name already waits" : error.message());
        return done(message, "was released");
    }
  }

  // --- both

  QueuedMessage describe(const std::string& file_name, const std::string& name, const net::MessageFile& file) const {
    QueuedMessage message{
        .name = file_name,
        .peer = peer_of_message(name, place_.hosts),
        .age = std::max(file.age, core::Duration::zero()),
        .size = file.size,
        .command = core::command_word(std::string_view(file.beginning).substr(0, file.beginning.find('\n'))),
        .is_encrypted = core::is_encrypted_request(file.beginning)};
    const auto tried = place_.attempts.find(name);
    if (tried != place_.attempts.end()) message.attempts = tried->second;
    if (is_show_) message.fault = fault_of(message.peer, file);
    return message;
  }

  std::string fault_of(const std::string& peer, const net::MessageFile& file) const {
    if (!file.is_file) return "it is not a file";
    if (file.error) return "it cannot be read: " + file.error.message();
    if (!place_.hosts.contains(peer)) return "its host is not in hosts.tab";
    return core::check_delayed_content(file.beginning, peer, place_.line_limit).reason;
  }

  void done(const QueuedMessage& message, std::string_view what) {
    ++answer_.done;
    if (!place_.log) return;
    const bool is_known = place_.hosts.contains(message.peer);
    place_.log(core::Severity::routine, is_known ? message.peer : "",
               "Delayed message " + core::escape_outside_text(message.name, 300) + " (" +
                   (message.command.empty() ? "no command" : message.command) + ") " + std::string(what) +
                   " by an administrator");
  }

  void finish() {
    if (const auto error = place_.disk.sync_directory()) failed("the directory cannot be synced", error);
    // The spool's index must pick up the names that were removed or added.
    if (place_.spool) place_.spool->scan();
  }

  const QueuePlace& place_;
  const QueueRequest& request_;
  const bool is_show_;
  static constexpr std::size_t bytes_for_command = 64;
  const std::size_t bytes_needed_;  // of each message
  std::set<std::string, std::less<>> names_;  // requested but not found yet
  std::map<std::string, std::uint64_t, std::less<>> unsettled_;
  QueueAnswer answer_;
};

WrittenMessage failed(std::string what, std::error_code error) { return {{}, error, std::move(what)}; }

// The file mode is the same as for lonnet.pm's files: 0666 less the umask.
WrittenMessage write_file(int directory, const std::string& name, std::string_view line) {
  ::unlinkat(directory, name.c_str(), 0);  // left by an earlier process with our pid
  const os::UniqueFd fd(::openat(directory, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!fd) return failed("no file can be created", os::last_error());
  if (const auto error = os::write_all(fd.get(), std::string(line) + "\n"))
    return failed("the file cannot be written", error);
  if (::fsync(fd.get()) != 0) return failed("the file cannot be synced", os::last_error());
  return {};
}

WrittenMessage give_name(int directory, const std::string& old_name, std::string_view host_id, std::string_view line) {
  // The limit for messages of one process with the same command and host within one second.
  constexpr std::uint64_t most_counts = 10'000;
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  for (std::uint64_t count = 1; count != most_counts; ++count) {
    std::string name = core::make_delayed_name(static_cast<std::uint64_t>(now), count,
                                               static_cast<std::uint64_t>(::getpid()), line, host_id);
    const auto error = os::rename_without_replacing(directory, old_name, directory, name);
    if (!error) return {std::move(name), {}, {}};
    if (error != std::errc::file_exists) return failed("the file cannot be given its name", error);
  }
  return failed("the file cannot be given a name", std::make_error_code(std::errc::file_exists));
}

}  // namespace

std::set<std::string> peers_of_request(const QueueRequest& request, const Hosts& hosts) {
  std::set<std::string> peers;
  if (!request.peer.empty()) peers.insert(request.peer);
  for (const std::string& name : request.names) peers.insert(peer_of_message(name, hosts));
  return peers;
}

QueueAnswer work_on_queue(const QueuePlace& place, const QueueRequest& request) { return Work(place, request).run(); }

WrittenMessage write_delayed_message(const std::string& path, std::string_view host_id, std::string_view line) {
  const os::UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return failed("the directory cannot be opened", os::last_error());
  // A hidden file, so that neither this lonc nor the one of 2002 takes it for a message.
  const std::string temporary = ".loncctl-" + std::to_string(::getpid()) + ".new";
  WrittenMessage written = write_file(directory.get(), temporary, line);
  if (!written.error) written = give_name(directory.get(), temporary, host_id, line);
  if (written.error) ::unlinkat(directory.get(), temporary.c_str(), 0);
  if (!written.error && ::fsync(directory.get()) != 0)
    return failed("it was written, but the directory cannot be synced", os::last_error());
  return written;
}

}  // namespace lonc::node
