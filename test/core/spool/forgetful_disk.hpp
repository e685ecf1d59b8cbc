// A spool disk in memory that loses what was not synced. It counts every operation, and can end the process or cut the
// power before any of them, or let any of them fail.
#pragma once

#include <lonc/core/spool/spool_disk.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace lonc::core::test {

class ForgetfulDisk : public SpoolDisk {
 public:
  // Thrown before the operation at which the process or the power is to end.
  struct Cut {};

  // What happens to unsynced steps at a power loss: it is not guaranteed that they are lost, nor in which order they
  // are kept.
  enum class Survival {
    none,  // only what was synced
    all,   // all that did not fail
    some,  // each at random; of the journal also parts of what was written
  };

  struct File {
    std::string content;
    Duration age = std::chrono::hours{1};
    SpoolFile::State state = SpoolFile::State::read;
    std::error_code error{};
    std::uint64_t inode = 0;
    std::uint64_t changed_at = 0;
  };

  // --- the outside world
  void leave(const std::string& name, const std::string& content) { leave(name, File{.content = content}); }
  // As if lonnet.pm had written it long ago: it is durable.
  void leave(const std::string& name, File file) {
    file.inode = ++last_inode_;
    durable_.files[name] = file;
    view_.files[name] = std::move(file);
  }
  File& file(const std::string& name) { return view_.files.at(name); }
  void drop(const std::string& name) {
    view_.files.erase(name);
    durable_.files.erase(name);
  }

  // 0: never. Operations are counted from 1.
  void cut_before(std::size_t operation) { cut_ = operation; }
  void fail(std::size_t operation, std::size_t how_many = 1) {
    first_failure_ = operation;
    end_of_failures_ = operation + how_many;
  }
  void heal() { end_of_failures_ = 0; }
  std::size_t operations() const { return operations_; }
  const std::string& last_failure() const { return last_failure_; }
  // Something happens outside the disk; the process or the power may end there as well.
  void step() { is_next_failing(); }

  // The process has died: everything it wrote is kept.
  void kill() { cut_ = 0; }

  void power_loss(Survival survival = Survival::none, unsigned seed = 1) {
    random_.seed(seed);
    cut_ = 0;
    for (const auto& [name, where] : std::exchange(directory_steps_, {})) {
      if (survives(Chunk::State::written, survival)) durable_.take(name, where);
    }
    view_ = durable_;
    std::erase_if(log_, [&](const Chunk& line) { return !survives(line.state, survival); });
    for (Chunk& line : log_) line.state = Chunk::State::synced;
    if (old_journal_) {
      journal_ = std::move(*old_journal_);
      journal_writes_.clear();
    }
    old_journal_.reset();
    for (const JournalWrite& write : std::exchange(journal_writes_, {})) survive(write, survival);
    ++boot_;
  }

  // --- contents
  std::vector<std::string> names() const { return keys(view_.files); }
  std::vector<std::string> durable_names() const { return keys(durable_.files); }
  const std::map<std::string, std::string>& quarantine() const { return view_.quarantine; }
  std::vector<std::string> log_lines() const { return lines(false); }
  std::vector<std::string> durable_log_lines() const { return lines(true); }
  // As processes see it.
  std::string journal() const {
    std::string bytes = journal_;
    for (const JournalWrite& write : journal_writes_) bytes.replace(write.offset, write.text.size(), write.text);
    return bytes;
  }
  void write_journal_file(const std::string& bytes) {
    journal_ = bytes;
    journal_writes_.clear();
  }
  // Bytes, in blocks of 4096 as files occupy them. Existing contents stay.
  std::optional<std::size_t> capacity;
  // Free space of the permanent log: bytes of its messages, and one more for each line.
  std::optional<std::size_t> log_room;
  std::size_t count_of(const std::string& operation) const {
    const auto at = calls_.find(operation);
    return at == calls_.end() ? 0 : at->second;
  }

  // --- SpoolDisk
  std::error_code list(const std::function<void(std::string_view name)>& use) override {
    const bool is_failing = begins("list");
    std::size_t left = is_failing ? view_.files.size() / 2 : view_.files.size();
    // Backwards, since no order is guaranteed; a failing call stops halfway.
    for (auto at = view_.files.rbegin(); at != view_.files.rend() && left > 0; ++at, --left) use(at->first);
    return is_failing ? io_error() : std::error_code{};
  }
  SpoolFile read(const std::string& name, std::size_t limit) override {
    if (begins("read")) return {.state = SpoolFile::State::failed, .content = {}, .error = io_error()};
    const auto at = view_.files.find(name);
    if (at == view_.files.end()) return {.state = SpoolFile::State::missing, .content = {}, .error = {}};
    const File& file = at->second;
    return {file.state, file.inode, file.age, file.content.substr(0, limit), file.error};
  }
  std::error_code changed_at(const std::string& name, std::uint64_t& time) override {
    if (begins("changed_at")) return io_error();
    const auto at = view_.files.find(name);
    time = at == view_.files.end() ? 0 : at->second.changed_at;
    return {};
  }
  std::error_code remove(const std::string& name) override { return take("remove", name, std::nullopt); }
  std::error_code set_aside(const std::string& name, std::string_view reason) override {
    return take("set_aside", name, std::string(reason));
  }
  // A failing call undoes some steps; the others are still not durable.
  std::error_code sync_directory() override {
    const bool is_failing = begins("sync_directory");
    for (const DirectoryStep& step : std::exchange(directory_steps_, {})) {
      if (!is_failing) {
        durable_.take(step.name, step.reason);
      } else if (toss() && durable_.files.contains(step.name)) {
        view_.files[step.name] = durable_.files[step.name];
        view_.quarantine.erase(step.name);
      } else {
        directory_steps_.push_back(step);
      }
    }
    if (!is_failing) old_journal_.reset();
    return is_failing ? io_error() : std::error_code{};
  }
  std::error_code reserve_log(std::size_t lines, std::size_t bytes) override {
    if (begins("reserve_log")) return no_space();
    constexpr std::size_t around_a_message = 4;  // S, two colons and the line end
    return log_room && bytes + lines * around_a_message > *log_room ? no_space() : std::error_code{};
  }
  std::error_code append_log(std::string_view message) override {
    if (begins("append_log")) return no_space();
    if (log_room) {
      if (message.size() + 1 > *log_room) return no_space();
      *log_room -= message.size() + 1;
    }
    log_.push_back({std::string(message), Chunk::State::written});
    return {};
  }
  std::error_code sync_log() override { return sync("sync_log", log_); }
  std::error_code read_journal(std::string& bytes) override {
    if (begins("read_journal")) return io_error();
    bytes = journal();
    return {};
  }
  // A failing call has either done nothing, or replaced the journal in a way that a power loss may undo.
  std::error_code replace_journal(std::string_view bytes) override {
    const bool is_failing = begins("replace_journal");
    if (is_failing && operations_ % 2 == 0) return no_space();
    if (capacity && used() + blocks(bytes.size()) > *capacity) return no_space();
    if (is_failing && !old_journal_) old_journal_ = journal_;
    if (!is_failing) old_journal_.reset();
    journal_ = bytes;
    journal_writes_.clear();
    return is_failing ? io_error() : std::error_code{};
  }
  // A failing call has written the first half.
  std::error_code write_journal(std::size_t offset, std::string_view bytes) override {
    const bool is_failing = begins("write_journal");
    if (offset + bytes.size() > journal_.size()) throw std::logic_error("the journal does not become longer");
    journal_writes_.push_back(
        {offset, std::string(bytes.substr(0, is_failing ? bytes.size() / 2 : bytes.size())), Chunk::State::written});
    return is_failing ? io_error() : std::error_code{};
  }
  std::error_code sync_journal() override {
    const bool is_failing = begins("sync_journal");
    for (JournalWrite& write : journal_writes_) {
      if (write.state != Chunk::State::written) continue;
      write.state = is_failing ? Chunk::State::dropped : Chunk::State::synced;
    }
    // What was dropped before remains dropped unless something was written over it.
    if (!is_failing) settle_journal();
    return is_failing ? io_error() : std::error_code{};
  }
  bool is_boot_known = true;
  std::string boot_id() override { return is_boot_known ? "boot-" + std::to_string(boot_) : ""; }

 private:
  struct Chunk {
    enum class State {
      synced,
      written,  // a sync will make it durable
      dropped,  // its sync has failed: the process still sees it, and no later sync will write it
    };
    std::string text;
    State state = State::written;
  };
  struct JournalWrite {
    std::size_t offset = 0;
    std::string text;
    Chunk::State state = Chunk::State::written;
  };
  struct DirectoryStep {
    std::string name;
    std::optional<std::string> reason;  // into the quarantine
  };
  struct Directory {
    std::map<std::string, File> files;
    std::map<std::string, std::string> quarantine;

    void take(const std::string& name, const std::optional<std::string>& reason) {
      if (files.erase(name) > 0 && reason) quarantine[name] = *reason;
    }
  };

  static std::error_code io_error() { return std::make_error_code(std::errc::io_error); }
  static std::error_code no_space() { return std::make_error_code(std::errc::no_space_on_device); }
  template <typename Map>
  static std::vector<std::string> keys(const Map& map) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : map) keys.push_back(key);
    return keys;
  }
  std::vector<std::string> lines(bool only_durable) const {
    std::vector<std::string> lines;
    for (const Chunk& line : log_) {
      if (!only_durable || line.state == Chunk::State::synced) lines.push_back(line.text);
    }
    return lines;
  }

  bool is_next_failing() {
    ++operations_;
    if (operations_ == cut_) throw Cut{};
    return operations_ >= first_failure_ && operations_ < end_of_failures_;
  }
  bool begins(const char* operation) {
    const bool is_failing = is_next_failing();
    ++calls_[operation];
    if (is_failing) last_failure_ = operation;
    return is_failing;
  }
  std::error_code take(const char* operation, const std::string& name, std::optional<std::string> reason) {
    if (begins(operation)) return io_error();
    view_.take(name, reason);
    directory_steps_.push_back({name, std::move(reason)});
    return {};
  }
  std::error_code sync(const char* operation, std::vector<Chunk>& chunks) {
    const bool is_failing = begins(operation);
    const auto reached = is_failing ? Chunk::State::dropped : Chunk::State::synced;
    for (auto at = chunks.rbegin(); at != chunks.rend() && at->state == Chunk::State::written; ++at)
      at->state = reached;
    return is_failing ? io_error() : std::error_code{};
  }

  static std::size_t blocks(std::size_t bytes) {
    constexpr std::size_t block = 4096;
    return (bytes + block - 1) / block * block;
  }
  std::size_t used() const {
    std::size_t used = blocks(journal_.size());
    for (const auto& [name, file] : view_.files) used += blocks(file.content.size());
    return used;
  }

  // Synced writes become part of the file; dropped ones remain visible until they are overwritten.
  void settle_journal() {
    const std::string view = journal();
    for (const JournalWrite& write : journal_writes_) {
      if (write.state == Chunk::State::synced) journal_.replace(write.offset, write.text.size(), write.text);
    }
    for (JournalWrite& write : journal_writes_) write.text = view.substr(write.offset, write.text.size());
    std::erase_if(journal_writes_, [this](const JournalWrite& write) {
      return journal_.compare(write.offset, write.text.size(), write.text) == 0;
    });
  }

  // The disk writes sectors in any order: a part of an unfinished write is kept.
  void survive(const JournalWrite& write, Survival survival) {
    if (!survives(write.state, survival)) return;
    std::string_view text = write.text;
    std::size_t offset = write.offset;
    if (write.state != Chunk::State::synced && survival == Survival::some && toss()) {
      // Most of a journal half is empty; the part that is not has to be torn as well.
      const std::size_t end = toss() ? text.size() : std::min(text.size(), text.find('\0'));
      const std::size_t cut = end == 0 ? 0 : random_() % end;
      if (toss()) {
        text = text.substr(0, cut);
      } else {
        text.remove_prefix(cut);
        offset += cut;
      }
    }
    journal_.replace(offset, text.size(), text);
  }

  bool toss() { return (random_() & 16U) != 0; }
  bool survives(Chunk::State state, Survival survival) {
    if (state == Chunk::State::synced) return true;
    if (survival == Survival::some) return toss();
    return state == Chunk::State::written && survival == Survival::all;
  }
  Directory view_;  // what processes see
  Directory durable_;
  std::vector<DirectoryStep> directory_steps_;  // not durable
  std::vector<Chunk> log_;
  std::string journal_;  // as of the last sync
  std::vector<JournalWrite> journal_writes_;
  std::optional<std::string> old_journal_;  // what is durable if the last replacement failed
  std::map<std::string, std::size_t> calls_;
  std::string last_failure_;
  std::size_t operations_ = 0;
  std::size_t cut_ = 0;
  std::size_t first_failure_ = 0;
  std::size_t end_of_failures_ = 0;
  std::uint64_t last_inode_ = 100;
  unsigned boot_ = 1;
  std::minstd_rand random_;
};

}  // namespace lonc::core::test
