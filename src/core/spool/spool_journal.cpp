#include <lonc/core/spool/spool_journal.hpp>

#include <lonc/core/base/text.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>
#include <utility>

namespace lonc::core {

namespace {

using Kind = SendingRecord::Kind;

constexpr std::string_view header_word = "lonc-sending-2";
constexpr std::string_view old_header_word = "lonc-sending-1";

// FNV-1a: detects the remains of a crash, but does not protect against manipulation.
std::string seal_of(std::string_view seed, std::string_view text) {
  std::uint64_t sum = 0xcbf29ce484222325U;
  for (const std::string_view part : {seed, text}) {
    for (const char c : part) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  constexpr std::size_t digits = 16;
  std::string seal(digits, '0');
  for (std::size_t i = digits; i-- > 0; sum >>= 4U) seal[i] = "0123456789abcdef"[sum & 15U];
  return seal;
}

std::string sealed(std::string_view seed, std::string line) {
  const std::string seal = seal_of(seed, line);
  return line.append("\t").append(seal).append("\n");
}

// The line without its seal; nothing if the seal does not match.
std::optional<std::string_view> open_seal(std::string_view seed, std::string_view line) {
  const auto tab = line.rfind('\t');
  if (tab == std::string_view::npos || seal_of(seed, line.substr(0, tab)) != line.substr(tab + 1)) return std::nullopt;
  return line.substr(0, tab);
}

template <std::size_t Count>
std::optional<std::array<std::string_view, Count>> split(std::string_view line) {
  std::array<std::string_view, Count> fields;
  for (std::size_t i = 0; i != Count; ++i) {
    const auto tab = line.find('\t');
    if ((tab == std::string_view::npos) != (i + 1 == Count)) return std::nullopt;
    fields.at(i) = line.substr(0, tab);
    if (tab != std::string_view::npos) line.remove_prefix(tab + 1);
  }
  return fields;
}

std::optional<Kind> kind_of(std::string_view field) {
  constexpr std::string_view kinds = "PUAFRNTL";
  if (field.size() != 1 || kinds.find(field[0]) == std::string_view::npos) return std::nullopt;
  return static_cast<Kind>(field[0]);
}

// KIND, INODE, ATTEMPTS, HOSTID, NAME
std::optional<SendingRecord> make_record(const std::array<std::string_view, 5>& fields) {
  const auto kind = kind_of(fields[0]);
  // Reject any path that leads out of the directory.
  const bool is_name =
      !fields[4].empty() && !fields[4].starts_with('.') && fields[4].find('/') == std::string_view::npos;
  const auto inode = number_in<std::uint64_t>(fields[1]);
  const auto attempts = number_in<unsigned>(fields[2]);
  if (!kind || !inode || !attempts || fields[3].empty() || !is_name) return std::nullopt;
  return SendingRecord{*kind, *inode, std::string(fields[3]), std::string(fields[4]), *attempts};
}

// The previous version: a header line and one record per line, only ever appended to.
ParsedJournal parse_old_journal(std::string_view text) {
  ParsedJournal journal;
  text = text.substr(0, text.rfind('\n') + 1);  // a line without its line end is not complete
  for_each_line(text, [&](std::string_view line, std::size_t number) {
    if (number == 1 && line.starts_with(old_header_word) && line.substr(old_header_word.size()).starts_with('\t')) {
      journal.boot_id = line.substr(old_header_word.size() + 1);
    } else if (const auto fields = split<4>(line)) {
      const auto& [kind, inode, host_id, name] = *fields;
      if (auto record = make_record({kind, inode, "0", host_id, name})) journal.records.push_back(std::move(*record));
    }
  });
  return journal;
}

struct ParsedHalf {
  ParsedJournal journal;
  bool is_whole = false;  // all records that it was begun with are present
};

ParsedHalf parse_half(std::string_view text) {
  ParsedHalf half;
  std::string seal;
  std::size_t first_records = 0;
  text = text.substr(0, text.rfind('\n') + 1);
  for_each_line(text, [&](std::string_view line, std::size_t number) {
    const auto content = open_seal(seal, line);
    if (number == 1) {
      const auto fields = content ? split<4>(*content) : std::nullopt;
      if (!fields || fields->front() != header_word) return;
      const auto generation = number_in<std::uint64_t>((*fields)[2]);
      const auto count = number_in<std::size_t>((*fields)[3]);
      half.journal.generation = generation.value_or(0);
      if (!generation || !count) return;
      first_records = *count;
      half.journal.boot_id = (*fields)[1];
      seal = line.substr(line.rfind('\t') + 1);
    } else if (!seal.empty() && content) {
      const auto fields = split<5>(*content);
      if (auto record = fields ? make_record(*fields) : std::nullopt)
        half.journal.records.push_back(std::move(*record));
    }
    if (number == first_records + 1) half.is_whole = !seal.empty() && half.journal.records.size() == first_records;
  });
  return half;
}

// Bytes of each half. The small size is for a disk that has no room for more; both grow with the number of open
// records.
constexpr std::size_t usual_half = 64 * 1024;
constexpr std::size_t least_half = 4 * 1024;

bool is_full(std::error_code error) { return error == std::errc::no_space_on_device; }

}  // namespace

JournalHalf::JournalHalf(std::string_view boot_id, std::uint64_t generation, const std::vector<SendingRecord>& open) {
  std::string header = std::string(header_word) + '\t' + std::string(boot_id) + '\t' + std::to_string(generation) +
                       '\t' + std::to_string(open.size());
  seal_ = seal_of({}, header);
  text_ = sealed({}, std::move(header));
  for (const SendingRecord& record : open) text_ += line(record);
}

std::string JournalHalf::line(const SendingRecord& record) const {
  return sealed(seal_, std::string(1, static_cast<char>(record.kind)) + '\t' + std::to_string(record.inode) + '\t' +
                           std::to_string(record.attempts) + '\t' + record.host_id + '\t' + record.name);
}

// A half whose beginning is incomplete is ignored: the content of the other half was still valid when the process
// ended.
ParsedJournal parse_journal(std::string_view bytes) {
  if (bytes.starts_with(old_header_word)) return parse_old_journal(bytes);
  std::array<ParsedHalf, 2> halves{parse_half(bytes.substr(0, bytes.size() / 2)),
                                   parse_half(bytes.substr(bytes.size() / 2))};
  const std::uint64_t generation = std::max(halves[0].journal.generation, halves[1].journal.generation);
  const bool is_second =
      halves[1].is_whole && (!halves[0].is_whole || halves[1].journal.generation > halves[0].journal.generation);
  ParsedJournal journal;
  if (halves[0].is_whole || is_second) journal = std::move(halves.at(is_second ? 1 : 0).journal);
  journal.generation = generation;
  journal.half = is_second ? 1 : 0;
  return journal;
}

std::vector<SendingRecord> open_records(const ParsedJournal& journal) {
  std::vector<SendingRecord> open;
  std::unordered_map<std::string_view, std::size_t> places;  // in `open`, by name
  const auto remove = [&open](std::size_t place) { open[place].name.clear(); };
  for (const SendingRecord& record : journal.records) {
    if (record.kind == Kind::named || record.kind == Kind::name_written) continue;
    const auto earlier = places.find(record.name);
    if (record.kind == Kind::failed) {
      if (earlier != places.end()) open[earlier->second].attempts = record.attempts;
    } else if (record.kind == Kind::returned) {
      if (earlier == places.end()) continue;
      remove(earlier->second);
      places.erase(earlier);
    } else if (record.kind == Kind::planned && earlier != places.end()) {
      // Handed out again: it moves to its new place in the order.
      SendingRecord again = record;
      const SendingRecord& before = open[earlier->second];
      again.was_unclear = before.kind == Kind::unclear || before.was_unclear;
      again.attempts = std::max(again.attempts, before.attempts);
      remove(earlier->second);
      earlier->second = open.size();
      open.push_back(std::move(again));
    } else if (earlier != places.end()) {
      open[earlier->second] = record;
    } else {
      places.emplace(record.name, open.size());
      open.push_back(record);
    }
  }
  std::erase_if(open, [](const SendingRecord& record) { return record.name.empty(); });
  return open;
}

std::vector<SendingRecord> unwritten_names(const ParsedJournal& journal) {
  std::map<std::string_view, const SendingRecord*> unwritten;
  for (const SendingRecord& record : journal.records) {
    if (record.kind == Kind::named) unwritten[record.name] = &record;
    if (record.kind == Kind::name_written) unwritten.erase(record.name);
  }
  std::vector<SendingRecord> records;
  for (const auto& [name, record] : unwritten) records.push_back(*record);
  return records;
}

std::error_code SpoolJournal::read(ParsedJournal& left) {
  std::string bytes;
  if (const auto error = disk_.read_journal(bytes)) return error;
  left = parse_journal(bytes);
  generation_ = std::max(generation_, left.generation);
  place_ = left.half;
  half_size_ = left.generation == 0 ? 0 : bytes.size() / 2;
  read_half_ = bytes.substr(place_ * half_size_, half_size_);
  return {};
}

std::error_code SpoolJournal::rewrite_read() {
  if (half_size_ == 0) return {};
  const std::error_code error = disk_.write_journal(place_ * half_size_, read_half_);
  return error ? error : disk_.sync_journal();
}

std::error_code SpoolJournal::begin(std::string_view boot_id, const std::vector<SendingRecord>& open) {
  JournalHalf half(boot_id, generation_ + 1, open);
  const std::error_code error = put(half.text());
  if (is_full(error)) return error;
  ++generation_;
  read_half_.clear();
  half_.reset();
  if (error) return error;
  header_ = open.empty() ? half.text().size() : 0;
  used_ = half.text().size();
  half_ = std::move(half);
  return {};
}

std::optional<std::error_code> SpoolJournal::append(const std::vector<SendingRecord>& records) {
  if (!half_) return std::nullopt;
  std::string text;
  for (const SendingRecord& record : records) text += half_->line(record);
  if (used_ + text.size() > half_size_) return std::nullopt;
  const std::error_code error = disk_.write_journal(place_ * half_size_ + used_, text);
  if (error) {
    half_.reset();
  } else {
    used_ += text.size();
  }
  return error;
}

std::error_code SpoolJournal::sync() {
  const std::error_code error = disk_.sync_journal();
  if (error) half_.reset();
  return error;
}

std::size_t SpoolJournal::size_of(std::string_view boot_id, const std::vector<SendingRecord>& open) const {
  return JournalHalf(boot_id, generation_ + 1, open).text().size();
}

std::size_t SpoolJournal::size_of(const SendingRecord& record) { return JournalHalf({}, 0, {}).line(record).size(); }

// Writes in place, unless another file length fits better. The current half is not touched.
std::error_code SpoolJournal::put(const std::string& text) {
  const bool is_tight = 2 * text.size() > half_size_;
  const bool is_wide = half_size_ > usual_half && text.size() < usual_half / 4;
  if (is_tight || is_wide) {
    std::size_t wanted = usual_half;
    while (wanted < 2 * text.size()) wanted *= 2;
    for (; wanted >= text.size() && wanted >= least_half && (is_wide || wanted > half_size_); wanted /= 2) {
      std::string bytes = text;
      bytes.resize(2 * wanted, '\0');
      const std::error_code error = disk_.replace_journal(bytes);
      if (is_full(error)) continue;
      half_size_ = error ? 0 : wanted;
      place_ = 0;
      return error;
    }
  }
  if (text.size() > half_size_) return std::make_error_code(std::errc::no_space_on_device);
  const std::size_t other = 1 - place_;
  std::string bytes = text;
  bytes.resize(half_size_, '\0');
  std::error_code error = disk_.write_journal(other * half_size_, bytes);
  if (!error) error = disk_.sync_journal();
  if (!error) place_ = other;
  return error;
}

}  // namespace lonc::core
