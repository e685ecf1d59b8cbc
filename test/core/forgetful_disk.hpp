// A spool disk in memory that forgets what was not synced. It counts every operation, and can end the process or take
// the power away before any of them, or let any of them fail.
#pragma once

#include <lonc/core/spool_disk.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace lonc::core::test {

class ForgetfulDisk : public SpoolDisk {
 public:
  // Thrown before the operation at which the world was to end.
  struct Cut {};

  // What becomes of unsynced steps when the power goes: nobody promises that they are lost, nor in which order they
  // are kept.
  enum class Survival {
    none,  // only what was synced
    all,   // all that did not fail
    some,  // each by the throw of a coin; of the journal also halves of lines, and holes
  };

  struct File {
    std::string content;
    Duration age = std::chrono::hours{1};
    SpoolFile::State state = SpoolFile::State::read;
    std::error_code error{};
    std::uint64_t inode = 0;
  };

  // --- the world
  void leave(const std::string& name, const std::string& content) { leave(name, File{.content = content}); }
  // Like lonnet.pm long ago: it is on the disk for good.
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
  // Something outside the disk happens, at which the world may end as well.
  void step() { is_next_failing(); }

  // The process has died: what it wrote is there.
  void kill() { cut_ = 0; }

  void power_loss(Survival survival = Survival::none, unsigned seed = 1) {
    random_.seed(seed);
    cut_ = 0;
    for (const auto& [name, where, state] : std::exchange(directory_steps_, {})) {
      if (survives(state, survival)) durable_.take(name, where);
    }
    view_ = durable_;
    std::erase_if(log_, [&](const Chunk& line) { return !survives(line.state, survival); });
    for (Chunk& line : log_) line.state = Chunk::State::synced;
    if (old_journal_) journal_ = std::move(*old_journal_);
    old_journal_.reset();
    std::string text = surviving_journal(survival);
    journal_.clear();
    if (!text.empty()) journal_.push_back({std::move(text), Chunk::State::synced});
    ++boot_;
  }

  // --- what is there
  std::vector<std::string> names() const { return keys(view_.files); }
  std::vector<std::string> durable_names() const { return keys(durable_.files); }
  const std::map<std::string, std::string>& quarantine() const { return view_.quarantine; }
  std::vector<std::string> log_lines() const { return lines(false); }
  std::vector<std::string> durable_log_lines() const { return lines(true); }
  std::string journal() const {
    std::string text;
    for (const Chunk& chunk : journal_) text += chunk.text;
    return text;
  }
  std::size_t journal_size() const {
    std::size_t size = 0;
    for (const Chunk& chunk : journal_) size += chunk.text.size();
    return size;
  }
  void write_journal(const std::string& text) { journal_ = {{text, Chunk::State::synced}}; }
  std::size_t count_of(const std::string& operation) const {
    const auto at = calls_.find(operation);
    return at == calls_.end() ? 0 : at->second;
  }

  // --- SpoolDisk
  std::error_code list(const std::function<void(std::string_view name)>& use) override {
    const bool is_failing = begins("list");
    std::size_t left = is_failing ? view_.files.size() / 2 : view_.files.size();
    // Backwards, as nobody promises an order; a failing one stops half-way.
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
  std::error_code remove(const std::string& name) override { return take("remove", name, std::nullopt); }
  std::error_code set_aside(const std::string& name, std::string_view reason) override {
    return take("set_aside", name, std::string(reason));
  }
  std::error_code sync_directory() override {
    const bool is_failing = begins("sync_directory");
    for (DirectoryStep& step : directory_steps_) {
      if (is_failing) step.state = Chunk::State::dropped;
      if (step.state == Chunk::State::written) durable_.take(step.name, step.reason);
    }
    std::erase_if(directory_steps_, [](const auto& step) { return step.state == Chunk::State::written; });
    return is_failing ? io_error() : std::error_code{};
  }
  std::error_code append_log(std::string_view message) override {
    if (begins("append_log")) return no_space();
    log_.push_back({std::string(message), Chunk::State::written});
    return {};
  }
  std::error_code sync_log() override { return sync("sync_log", log_); }
  std::error_code read_journal(std::string& text) override {
    if (begins("read_journal")) return io_error();
    text = journal();
    return {};
  }
  // A failing one has written the first half.
  std::error_code append_journal(std::string_view text) override {
    const bool is_failing = begins("append_journal");
    journal_.push_back(
        {std::string(text.substr(0, is_failing ? text.size() / 2 : text.size())), Chunk::State::written});
    return is_failing ? no_space() : std::error_code{};
  }
  // A failing one has taken its place, but may lose it again.
  std::error_code replace_journal(std::string_view text) override {
    const bool is_failing = begins("replace_journal");
    if (is_failing && !old_journal_) old_journal_ = journal_;
    if (!is_failing) old_journal_.reset();
    journal_.clear();
    if (!text.empty()) journal_.push_back({std::string(text), Chunk::State::synced});
    return is_failing ? no_space() : std::error_code{};
  }
  std::error_code sync_journal() override { return sync("sync_journal", journal_); }
  bool is_boot_known = true;
  std::string boot_id() override { return is_boot_known ? "boot-" + std::to_string(boot_) : ""; }

 private:
  struct Chunk {
    enum class State {
      synced,
      written,  // a sync will make it durable
      dropped,  // a sync of it has failed: the process still sees it, and no later sync will write it
    };
    std::string text;
    State state = State::written;
  };
  struct DirectoryStep {
    std::string name;
    std::optional<std::string> reason;  // into the quarantine
    Chunk::State state = Chunk::State::written;
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

  bool toss() { return (random_() & 16U) != 0; }
  bool survives(Chunk::State state, Survival survival) {
    if (state == Chunk::State::synced) return true;
    if (survival == Survival::some) return toss();
    return state == Chunk::State::written && survival == Survival::all;
  }
  // What is lost before something that is kept leaves a hole.
  std::string surviving_journal(Survival survival) {
    std::string text;
    std::size_t hole = 0;
    for (const Chunk& chunk : journal_) {
      if (!survives(chunk.state, survival)) {
        hole += chunk.text.size();
        continue;
      }
      text.append(std::exchange(hole, 0), '\0');
      const bool is_torn = chunk.state != Chunk::State::synced && survival == Survival::some && toss();
      const std::size_t kept = is_torn ? chunk.text.size() / 2 : chunk.text.size();
      text.append(chunk.text, 0, kept);
      hole = chunk.text.size() - kept;
    }
    return text;
  }

  Directory view_;  // what processes see
  Directory durable_;
  std::vector<DirectoryStep> directory_steps_;  // not durable
  std::vector<Chunk> log_;
  std::vector<Chunk> journal_;
  std::optional<std::vector<Chunk>> old_journal_;  // what is durable if the last replacement failed
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
