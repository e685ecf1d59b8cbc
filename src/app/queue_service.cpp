#include <lonc/app/queue_service.hpp>

#include <lonc/core/delayed_message.hpp>
#include <lonc/core/delayed_name.hpp>
#include <lonc/core/sending_journal.hpp>
#include <lonc/core/session_cipher.hpp>
#include <lonc/core/text.hpp>

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace lonc::app {

namespace {

using Hosts = std::set<std::string, std::less<>>;

constexpr std::size_t bytes_for_command = 64;

std::optional<core::OwnedDelayedName> owned_name(std::string_view name, const Hosts& hosts) {
  auto owned = core::parse_delayed_name(name, [&](std::string_view id) { return hosts.contains(id); });
  return owned ? owned : core::parse_delayed_name(name, [](std::string_view) { return true; });
}

// Keeps the first `limit` of what it is given, in their order.
template <typename Item>
class Oldest {
 public:
  explicit Oldest(std::size_t limit) : limit_(limit) {}

  void add(core::DelayedName key, Item item) {
    ++total_;
    items_.emplace(std::move(key), std::move(item));
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
  std::multimap<core::DelayedName, Item> items_;
};

class Work {
 public:
  Work(const QueuePlace& place, const QueueRequest& request)
      : place_(place), request_(request), names_(request.names.begin(), request.names.end()) {}

  QueueAnswer run() {
    const bool is_change = request_.action != QueueAction::list && request_.action != QueueAction::show;
    // An error of the disk is told once. If it were told for what is done here, the spool would not hear of it.
    if (is_change && place_.spool && (!place_.spool->is_recovered() || place_.spool->commit())) {
      answer_.error = "the disk is in trouble: " + place_.spool->trouble();
      return std::move(answer_);
    }
    if (!place_.spool) read_journal();
    const bool in_quarantine = request_.in_quarantine || request_.action == QueueAction::release;
    if (answer_.error.empty()) in_quarantine ? on_quarantined() : on_waiting();
    // A message that is shown is looked for in both places.
    if (request_.action == QueueAction::show && !in_quarantine && answer_.error.empty() && !names_.empty())
      on_quarantined();
    for (const std::string& name : names_) tell(name, "there is no such message");
    if (answer_.done > 0) finish();
    return std::move(answer_);
  }

 private:
  void tell(const std::string& name, std::string text) { answer_.problems.push_back({name, std::move(text)}); }
  void failed(std::string_view what, std::error_code error) {
    answer_.error = std::string(what) + ": " + error.message();
  }

  // What a daemon that was killed has left open: what became of these messages is found out when it starts, from the
  // very names that stand in the journal.
  void read_journal() {
    std::string text;
    if (const auto error = place_.disk.read_journal(text)) return failed("the journal can not be read", error);
    for (core::SendingRecord& record : core::open_records(core::parse_journal(text)))
      unsettled_.emplace(std::move(record.name), record.inode);
  }

  bool is_wanted(const core::OwnedDelayedName& owned) const {
    return request_.is_all || owned.host_id == request_.peer;
  }

  // --- what waits

  void on_waiting() {
    for (const std::string& name : collect_waiting()) {
      const auto file =
          place_.disk.look(name, request_.action == QueueAction::show ? place_.line_limit + 2 : bytes_for_command);
      if (!file) continue;  // delivered meanwhile
      if (names_.erase(name) > 0) ++answer_.total;
      act_on_waiting(name, *file);
      if (!answer_.error.empty()) return;
    }
  }

  std::vector<std::string> collect_waiting() {
    if (!names_.empty()) {
      // Only what is a message's name can be reached: never a path, never a file of lonc's own.
      std::vector<std::string> found;
      std::ranges::copy_if(request_.names, std::back_inserter(found), [this](const std::string& name) {
        return name.find('/') == std::string::npos && owned_name(name, place_.hosts);
      });
      return found;
    }
    Oldest<std::string> oldest(request_.limit);
    const std::error_code error = place_.disk.list([&](std::string_view name) {
      auto owned = owned_name(name, place_.hosts);
      if (!owned || !is_wanted(*owned)) return;
      std::string text = owned->name.text;
      oldest.add(std::move(owned->name), std::move(text));
    });
    if (error) failed("the directory can not be read", error);
    answer_.total = oldest.total();
    return oldest.take();
  }

  void act_on_waiting(const std::string& name, const net::MessageFile& file) {
    QueuedMessage message = describe(name, name, file);
    message.state = state_of(message, file);
    if (request_.action == QueueAction::list || request_.action == QueueAction::show)
      return answer_.messages.push_back(std::move(message));
    if (message.state == "sending")
      return tell(name, "it is in flight, or next in turn after one that is: try again when that is answered");
    if (message.state == "unsettled")
      return tell(name, "lonc ended while it was to be sent: start lonc, which settles what has become of it");
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
      const auto file = place_.disk.look_quarantined(
          quarantined.file, request_.action == QueueAction::show ? place_.line_limit + 2 : bytes_for_command);
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
      if (is_wanted_one) oldest.add(owned ? std::move(owned->name) : core::DelayedName{}, quarantined);
    });
    if (error) failed("the quarantine can not be read", error);
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
        return tell(quarantined.file, "it is held already");
      case QueueAction::drop:
        if (const auto error = place_.disk.remove_quarantined(quarantined))
          return tell(quarantined.file, error.message());
        return done(message, "was dropped from the quarantine");
      case QueueAction::release:
        if (!core::is_delayed_name(quarantined.name))
          return tell(quarantined.file, "what name it had is not known: move it by hand");
        if (const auto error = place_.disk.release(quarantined))
          return tell(quarantined.file,
                      error == std::errc::file_exists ? "one of its name waits already" : error.message());
        return done(message, "was released");
    }
  }

  // --- both

  QueuedMessage describe(const std::string& file_name, const std::string& name, const net::MessageFile& file) const {
    QueuedMessage message;
    message.name = file_name;
    message.peer = peer_of_message(name, place_.hosts);
    message.age = std::max(file.age, core::Duration::zero());
    message.size = file.size;
    message.is_encrypted = core::is_encrypted_request(file.beginning);
    message.command = core::command_word(std::string_view(file.beginning).substr(0, file.beginning.find('\n')));
    const auto tried = place_.attempts.find(name);
    if (tried != place_.attempts.end()) message.attempts = tried->second;
    if (request_.action == QueueAction::show) message.fault = fault_of(message.peer, file);
    return message;
  }

  std::string fault_of(const std::string& peer, const net::MessageFile& file) const {
    if (!file.is_file) return "it is not a file";
    if (file.error) return "it can not be read: " + file.error.message();
    if (!place_.hosts.contains(peer)) return "its host is not in hosts.tab";
    return core::check_delayed_content(file.beginning, peer, place_.line_limit).reason;
  }

  void done(const QueuedMessage& message, std::string_view what) {
    ++answer_.done;
    if (!place_.log) return;
    const bool is_known = place_.hosts.contains(message.peer);
    place_.log(core::Severity::notice, is_known ? message.peer : "",
               "Delayed message " + core::escape_outside_text(message.name, 300) + " (" + message.command + ") " +
                   std::string(what) + " by an administrator");
  }

  void finish() {
    if (const auto error = place_.disk.sync_directory()) failed("the directory can not be synced", error);
    // Names that the index holds no more, or not yet.
    if (place_.spool) place_.spool->scan();
  }

  const QueuePlace& place_;
  const QueueRequest& request_;
  std::set<std::string, std::less<>> names_;  // that were asked for and not met yet
  std::map<std::string, std::uint64_t, std::less<>> unsettled_;
  QueueAnswer answer_;
};

}  // namespace

std::string peer_of_message(std::string_view name, const Hosts& hosts) {
  const auto owned = owned_name(name, hosts);
  return owned ? std::string(owned->host_id) : std::string();
}

std::set<std::string> peers_of_request(const QueueRequest& request, const Hosts& hosts) {
  std::set<std::string> peers;
  if (!request.peer.empty()) peers.insert(request.peer);
  for (const std::string& name : request.names) peers.insert(peer_of_message(name, hosts));
  return peers;
}

QueueAnswer work_on_queue(const QueuePlace& place, const QueueRequest& request) { return Work(place, request).run(); }

}  // namespace lonc::app
