#include <lonc/core/spool/spool_reports.hpp>

#include <lonc/core/base/text.hpp>

#include <algorithm>
#include <bit>
#include <cerrno>

namespace lonc::core {

namespace {

// True for errors whose message already says what to do, for example if something else exists in place of one of lonc's
// files.
bool names_its_remedy(std::error_code error) {
  return error.category() != std::generic_category() && error.category() != std::system_category();
}

bool is_no_room(std::error_code error) {
  return error == std::errc::no_space_on_device || error == std::error_code(EDQUOT, std::system_category());
}

}  // namespace

std::error_code SpoolTrouble::note(std::error_code error, Place place, std::string_view what) {
  if (!error) return error;
  std::string text = std::string(what) + ": " + error.message();
  if (text_ == text) return error;
  repeats_ = text == last_text_ ? repeats_ + 1 : 1;
  // A problem that is gone at one check and back at the next message recurs again and again; loncron counts warnings.
  const Severity severity = std::has_single_bit(repeats_) ? Severity::warning : Severity::routine;
  log_lines_.push_back(
      {severity, "Delayed messages are not sent: " + text + "; nothing is lost, and lonc tries again"});
  place_ = place;
  error_ = error;
  last_text_ = text;
  text_ = std::move(text);
  return error;
}

void SpoolTrouble::clear() {
  if (std::exchange(text_, {}).empty()) return;
  const Severity severity = std::has_single_bit(repeats_) ? Severity::info : Severity::routine;
  log_lines_.push_back({severity, "Delayed messages are sent again"});
}

std::string SpoolTrouble::remedy() const {
  if (text_.empty()) return {};
  const bool is_log = place_ == Place::permanent_log;
  const std::string disk = is_log ? "the disk that holds lonnet.perm.log" : "the disk that holds delayed messages";
  std::string remedy;
  if (names_its_remedy(error_)) {
    remedy = "follow the advice in the error";
  } else if (is_no_room(error_)) {
    remedy = "make space on " + disk;
  } else if (error_ == std::errc::no_such_file_or_directory) {
    remedy = std::string("create the directory that holds ") + (is_log ? "lonnet.perm.log" : "lonSockDir/delayed");
  } else if (error_ == std::errc::file_too_large) {
    remedy = "raise the limit on the size of lonc's files (LimitFSIZE=, ulimit -f)";
  } else if (error_ == std::errc::permission_denied || error_ == std::errc::operation_not_permitted) {
    remedy = std::string("let lonc's user read and write ") + (is_log ? "lonnet.perm.log" : "lonSockDir/delayed");
  } else if (error_ == std::errc::too_many_files_open || error_ == std::errc::too_many_files_open_in_system) {
    remedy = "raise the limit on open files (LimitNOFILE=, ulimit -n)";
  } else {
    remedy = "check " + disk + ": is it full, read-only or failing?";
  }
  const bool is_question = remedy.back() == '?';
  return remedy + (is_question ? " Delayed messages" : "; delayed messages") +
         " are safe where they are, and are sent when that is fixed";
}

std::optional<SendingRecord> PossibleDuplicates::report(SendingRecord record, std::string_view why) {
  if (std::ranges::find(names_, record.name) != names_.end()) return std::nullopt;
  log_(Severity::warning, record.host_id,
       "Delayed message " + escape_outside_text(record.name) + " may have two S: lines, or reach " + record.host_id +
           " twice: " + std::string(why));
  ++count_;
  constexpr std::size_t most_names = 100;
  if (names_.size() == most_names) names_.erase(names_.begin());
  names_.push_back(record.name);
  if (!progress_.given) return std::nullopt;
  record.kind = SendingRecord::Kind::named;
  unwritten_.insert_or_assign(record.name, Unwritten{record, progress_.given()});
  return record;
}

std::vector<SendingRecord> PossibleDuplicates::take_written() {
  std::vector<SendingRecord> written;
  if (unwritten_.empty()) return written;
  const std::uint64_t done = progress_.done();
  std::erase_if(unwritten_, [&](const auto& entry) {
    if (entry.second.line > done) return false;
    written.push_back(entry.second.record);
    written.back().kind = SendingRecord::Kind::name_written;
    return true;
  });
  return written;
}

std::vector<SendingRecord> PossibleDuplicates::unwritten() const {
  std::vector<SendingRecord> records;
  for (const auto& [name, entry] : unwritten_) records.push_back(entry.record);
  return records;
}

}  // namespace lonc::core
