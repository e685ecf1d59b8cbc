#include <lonc/core/sending_journal.hpp>

#include <lonc/core/config_lines.hpp>
#include <lonc/core/number.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

namespace lonc::core {

namespace {

using Kind = SendingRecord::Kind;

constexpr std::string_view header_word = "lonc-sending-2";
constexpr std::string_view old_header_word = "lonc-sending-1";

// FNV-1a: it finds what a crash has left, and is no guard against malice.
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

// The line without its seal; nothing if that does not fit.
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
  for (const Kind kind : {Kind::failed, Kind::planned, Kind::unclear, Kind::answered, Kind::returned, Kind::named,
                          Kind::told, Kind::logged}) {
    if (field.size() == 1 && field[0] == static_cast<char>(kind)) return kind;
  }
  return std::nullopt;
}

// KIND, INODE, ATTEMPTS, HOSTID, NAME
std::optional<SendingRecord> make_record(const std::array<std::string_view, 5>& fields) {
  const auto kind = kind_of(fields[0]);
  SendingRecord record;
  // No path leads out of the directory.
  const bool is_name =
      !fields[4].empty() && !fields[4].starts_with('.') && fields[4].find('/') == std::string_view::npos;
  const auto inode = number_in<std::uint64_t>(fields[1]);
  const auto attempts = number_in<unsigned>(fields[2]);
  if (!kind || !inode || !attempts || fields[3].empty() || !is_name) return std::nullopt;
  record.kind = *kind;
  record.inode = *inode;
  record.attempts = *attempts;
  record.host_id = fields[3];
  record.name = fields[4];
  return record;
}

// The version before: a header and a record a line, only ever appended to.
SendingJournal parse_old_journal(std::string_view text) {
  SendingJournal journal;
  text = text.substr(0, text.rfind('\n') + 1);  // a line without its end is not whole
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
  SendingJournal journal;
  bool is_whole = false;  // all that it was begun with is there
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

}  // namespace

JournalHalf::JournalHalf(std::string_view boot_id, std::uint64_t generation, const std::vector<SendingRecord>& open) {
  std::string header(header_word);
  header.append("\t").append(boot_id);
  header.append("\t").append(std::to_string(generation));
  header.append("\t").append(std::to_string(open.size()));
  seal_ = seal_of({}, header);
  text_ = sealed({}, std::move(header));
  for (const SendingRecord& record : open) text_ += line(record);
}

std::string JournalHalf::line(const SendingRecord& record) const {
  std::string line(1, static_cast<char>(record.kind));
  line.append("\t").append(std::to_string(record.inode));
  line.append("\t").append(std::to_string(record.attempts));
  line.append("\t").append(record.host_id).append("\t").append(record.name);
  return sealed(seal_, std::move(line));
}

// A half that was not wholly begun counts for nothing: what stands in the other was still true when the process ended.
SendingJournal parse_journal(std::string_view bytes) {
  if (bytes.starts_with(old_header_word)) return parse_old_journal(bytes);
  std::array<ParsedHalf, 2> halves{parse_half(bytes.substr(0, bytes.size() / 2)),
                                   parse_half(bytes.substr(bytes.size() / 2))};
  const std::uint64_t generation = std::max(halves[0].journal.generation, halves[1].journal.generation);
  const bool is_second =
      halves[1].is_whole && (!halves[0].is_whole || halves[1].journal.generation > halves[0].journal.generation);
  SendingJournal journal;
  if (halves[0].is_whole || is_second) journal = std::move(halves.at(is_second ? 1 : 0).journal);
  journal.generation = generation;
  journal.half = is_second ? 1 : 0;
  return journal;
}

std::vector<SendingRecord> open_records(const SendingJournal& journal) {
  std::vector<SendingRecord> open;
  std::unordered_map<std::string_view, std::size_t> places;  // in `open`, by name
  const auto remove = [&open](std::size_t place) { open[place].name.clear(); };
  for (const SendingRecord& record : journal.records) {
    if (record.kind == Kind::named || record.kind == Kind::told) continue;
    const auto earlier = places.find(record.name);
    if (record.kind == Kind::failed) {
      if (earlier != places.end()) open[earlier->second].attempts = record.attempts;
    } else if (record.kind == Kind::returned) {
      if (earlier == places.end()) continue;
      remove(earlier->second);
      places.erase(earlier);
    } else if (record.kind == Kind::planned && earlier != places.end()) {
      // Handed out again: its place in the order is the new one.
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

std::vector<SendingRecord> untold_records(const SendingJournal& journal) {
  std::map<std::string_view, const SendingRecord*> untold;
  for (const SendingRecord& record : journal.records) {
    if (record.kind == Kind::named) untold[record.name] = &record;
    if (record.kind == Kind::told) untold.erase(record.name);
  }
  std::vector<SendingRecord> records;
  for (const auto& [name, record] : untold) records.push_back(*record);
  return records;
}

}  // namespace lonc::core
