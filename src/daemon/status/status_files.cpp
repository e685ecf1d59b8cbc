#include "daemon/status/status_files.hpp"

#include "daemon/status/peer_fields.hpp"

#include <lonc/core/base/text.hpp>
#include <lonc/node/log/log_line.hpp>
#include <lonc/os/files.hpp>
#include <lonc/os/unique_fd.hpp>
#include <lonc/os/wall_time.hpp>

#include <boost/asio/post.hpp>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <utility>
#include <variant>
#include <vector>

namespace lonc::daemon {
namespace {

using Json = nlohmann::ordered_json;
using os::utc_text;
using os::WallTime;

constexpr std::chrono::seconds look_interval{60};

// As in the log, where prefixes such as WARNING are part of the message.
template <typename Report>
std::string last_message(const Report& report) {
  if (report.last_log.empty()) return {};
  return std::string(node::severity_prefix(report.last_log_severity)) + report.last_log;
}

// "LOCALTIME: TEXT"; empty if there is no text.
void append_timed(std::string& out, WallTime time, std::string_view text) {
  if (text.empty()) return;
  os::append_local_time(out, time);
  out += ": ";
  node::append_one_line(out, text);
}

// `report`: a DaemonReport or a PeerReport.
template <typename Report>
void append_status_line(std::string& out, pid_t pid, std::string_view server, std::string_view text,
                        const Report& report) {
  out += std::to_string(pid);
  out += '\t';
  node::append_one_line(out, server);
  out += '\t';
  append_timed(out, report.text_since, text);
  out += '\t';
  append_timed(out, report.last_log_at, last_message(report));
  out += '\n';
}

// What the daemon is doing, and any trouble.
std::string text_of(const DaemonReport& daemon) {
  std::string text = daemon.text;
  const net::SpoolReport& spool = daemon.spool;
  if (!spool.trouble.empty())
    text += "; delayed messages have not been sent since " + os::local_time_text(spool.trouble_since) + ": " +
            spool.trouble;
  if (spool.doubtful_count > 0)
    text += "; " + core::counted(spool.doubtful_count, "delayed message") +
            " may have arrived twice, the last of them " + core::escape_outside_text(spool.doubtful.back());
  return text;
}

// Null if there is no text.
Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json json_of(const LogNote& note) { return {{"at", utc_text(note.at)}, {"text", note.text}}; }

// Bytes that are not valid UTF-8 must not invalidate the whole document.
std::string dumped(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Json json_of(const HistorySample& sample) {
  return {{"at", utc_text(sample.at)},
          {"up", sample.up},
          {"down", sample.down},
          {"requests", sample.requests},
          {"replies", sample.replies},
          {"con_lost", sample.con_lost},
          {"errors", sample.errors},
          {"timeouts", sample.timeouts},
          {"delayed_waiting", sample.delayed_waiting}};
}

Json json_of(const core::Problem& problem) {
  return {{"text", core::escape_outside_text(problem.text)}, {"remedy", text_or_null(problem.remedy)}};
}

Json json_of(const std::string& outside_text) { return core::escape_outside_text(outside_text); }

template <typename Item>
Json list_of(const std::vector<Item>& items) {
  Json list = Json::array();
  for (const Item& item : items) list.push_back(json_of(item));
  return list;
}

Json json_of(const net::SpoolReport& spool) {
  return {{"open", spool.is_open},
          {"waiting", spool.waiting},
          {"quarantined", spool.quarantined},
          {"for_unknown_hosts", spool.foreign},
          {"other_files", spool.strange},
          {"doubtful", spool.doubtful_count},
          {"doubtful_names", list_of(spool.doubtful)},
          {"trouble", text_or_null(spool.trouble)},
          {"trouble_since", spool.trouble.empty() ? Json(nullptr) : Json(utc_text(spool.trouble_since))},
          {"remedy", text_or_null(spool.remedy())}};
}

Json json_of(const DaemonReport& daemon) {
  return {{"host_id", daemon.host_id},
          {"pid", daemon.pid},
          {"program_version", daemon.version},
          {"started", utc_text(daemon.started_at)},
          {"text", daemon.text},
          {"text_since", utc_text(daemon.text_since)},
          {"ready", daemon.why_not_ready.empty()},
          {"problems", list_of(daemon.problems)},
          {"interval_s", std::chrono::duration<double>(daemon.interval).count()},
          {"log_level", daemon.log_level},
          {"last_log",
           daemon.last_log.empty() ? Json(nullptr) : json_of(LogNote{daemon.last_log_at, last_message(daemon)})},
          {"delayed", json_of(daemon.spool)},
          {"history", list_of(daemon.history)}};
}

// One object reused for all peers, in which only the values change: building one for each peer takes twice the time.
class PeerJson {
 public:
  PeerJson() {
    // Creates all members first, since adding one moves the others.
    for (const PeerField& field : peer_fields())
      if (!field.json.empty()) json_[pointer_to(field)] = nullptr;
    for (const PeerField& field : peer_fields())
      if (!field.json.empty()) places_.push_back({&field, &json_[pointer_to(field)]});
  }
  PeerJson(const PeerJson&) = delete;
  PeerJson& operator=(const PeerJson&) = delete;

  std::string line_of(const net::PeerReport& peer, WallTime now) {
    for (const auto& [field, place] : places_) std::visit(Set{*place}, field->read(peer, now));
    return dumped(json_, -1);
  }

 private:
  struct Set {
    Json& place;
    void operator()(std::monostate) const { place = nullptr; }
    void operator()(std::uint64_t number) const { place = number; }
    void operator()(double number) const { place = number; }
    void operator()(std::string text) const { place = std::move(text); }
    void operator()(WallTime time) const { place = utc_text(time); }
    void operator()(const LogNote& note) const { place = json_of(note); }
  };

  static Json::json_pointer pointer_to(const PeerField& field) {
    std::string path = "/" + std::string(field.json);
    std::ranges::replace(path, '.', '/');
    return Json::json_pointer(path);
  }

  Json json_;
  std::vector<std::pair<const PeerField*, Json*>> places_;
};

// A status file that is written under a temporary name.
struct StatusFile {
  // The name contains the pid, since a predecessor that is draining may write its last status at the same time.
  StatusFile(const std::string& directory, const std::string& name)
      : path(directory + "/" + name), temporary(directory + "/." + name + "." + std::to_string(::getpid())) {}
  ~StatusFile() { ::unlink(temporary.c_str()); }  // without effect once it has its final name
  StatusFile(const StatusFile&) = delete;
  StatusFile& operator=(const StatusFile&) = delete;

  std::error_code write(std::string_view text) const {
    ::unlink(temporary.c_str());
    const os::UniqueFd fd{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)};
    if (!fd) return os::last_error();
    if (const auto error = os::write_all(fd.get(), text)) return error;
    return ::fsync(fd.get()) == 0 ? std::error_code{} : os::last_error();
  }

  const std::string path;
  const std::string temporary;
};

std::error_code sync_directory(const std::string& directory) {
  const os::UniqueFd fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  return fd && ::fsync(fd.get()) == 0 ? std::error_code{} : os::last_error();
}

}  // namespace

std::string render_status_text(const Snapshot& snapshot) {
  const DaemonReport& daemon = snapshot.daemon;
  std::string out = "LONC status ";
  os::append_local_time(out, snapshot.at);
  out += " - parent " + std::to_string(daemon.pid) + "\n\n";
  append_status_line(out, daemon.pid, "PARENT", text_of(daemon), daemon);
  for (const net::PeerReport& peer : snapshot.peers)
    append_status_line(out, daemon.pid, peer.status.peer_id, peer.status.text, peer);
  return out;
}

std::string render_status_json(const Snapshot& snapshot) {
  const Json document{{"version", 1},
                      {"written", utc_text(snapshot.at)},
                      {"daemon", json_of(snapshot.daemon)},
                      {"peers", Json::array()}};
  std::string out = dumped(document, 2) + "\n";
  if (snapshot.peers.empty()) return out;
  // One peer at a time: all peers in one tree would take several times the memory of the text.
  const std::string end = out.substr(out.rfind(']'));
  out.resize(out.size() - end.size());
  constexpr std::size_t usual_size = 1200;
  out.reserve(out.size() + snapshot.peers.size() * usual_size);
  PeerJson json;
  std::string_view separator = "\n    ";
  for (const net::PeerReport& peer : snapshot.peers)
    out.append(std::exchange(separator, ",\n    ")).append(json.line_of(peer, snapshot.at));
  return out.append("\n  ").append(end);
}

FileError write_status_files(const std::string& doc_root, std::string_view text, std::string_view json) {
  const std::string directory = doc_root + "/lon-status";
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) return {os::last_error(), directory};
  const StatusFile text_file(directory, "loncstatus.txt");
  const StatusFile json_file(directory, "loncstatus.json");
  if (const auto error = text_file.write(text)) return {error, text_file.path};
  if (const auto error = json_file.write(json)) return {error, json_file.path};
  for (const StatusFile* file : {&text_file, &json_file}) {
    if (::rename(file->temporary.c_str(), file->path.c_str()) != 0) return {os::last_error(), file->path};
  }
  return {sync_directory(directory), directory};
}

void StatusWriter::write() {
  if (std::exchange(is_writing_, true)) {
    is_asked_again_ = true;
    return;
  }
  board_.ask([this](StatusBoard::Shared snapshot) { put(std::move(snapshot)); });
}

void StatusWriter::set_interval(core::Duration interval) {
  if (interval_ == interval) return;
  interval_ = interval;
  timer_.cancel();
  if (!is_stopped_) tick();
}

void StatusWriter::stop() {
  is_stopped_ = true;
  timer_.cancel();
}

void StatusWriter::tick() {
  const bool is_kept_new = interval_ > core::Duration::zero();
  timer_.expires_after(is_kept_new ? interval_ : look_interval);
  timer_.async_wait([this, is_kept_new](const boost::system::error_code& error) {
    if (error || is_stopped_) return;
    tick();
    if (!is_kept_new) return board_.ask([](const StatusBoard::Shared& /*snapshot*/) {});
    board_.sample([this](StatusBoard::Shared snapshot) {
      if (is_stopped_) return;
      // The previous status is still being written.
      if (std::exchange(is_writing_, true)) return;
      put(std::move(snapshot));
    });
  });
}

// Rethrows an exception in the event loop.
void StatusWriter::put(StatusBoard::Shared snapshot) {
  boost::asio::post(disk_, [this, snapshot = std::move(snapshot), doc_root = settings_.doc_root]() mutable {
    try {
      const FileError failure =
          write_status_files(doc_root, render_status_text(*snapshot), render_status_json(*snapshot));
      snapshot.reset();
      boost::asio::post(strand_, [this, failure] { written(failure); });
    } catch (...) {
      boost::asio::post(strand_, [error = std::current_exception()] { std::rethrow_exception(error); });
    }
  });
}

void StatusWriter::written(const FileError& failure) {
  is_writing_ = false;
  if (failure.error)
    log_.write(core::Severity::warning,
               "The status could not be written: " + failure.file + ": " + failure.error.message());
  if (std::exchange(is_asked_again_, false) && !is_stopped_) write();
}

}  // namespace lonc::daemon
