#include <lonc/core/sending_journal.hpp>

#include <lonc/core/config_lines.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <unordered_map>
#include <utility>

namespace lonc::core {

namespace {

constexpr std::string_view header_word = "lonc-sending-1";

std::optional<SendingRecord::Kind> kind_of(std::string_view field) {
  using Kind = SendingRecord::Kind;
  for (const Kind kind : {Kind::planned, Kind::unclear, Kind::answered, Kind::logged, Kind::returned}) {
    if (field.size() == 1 && field[0] == static_cast<char>(kind)) return kind;
  }
  return std::nullopt;
}

// KIND <TAB> INODE <TAB> HOSTID <TAB> NAME
std::optional<SendingRecord> parse_record(std::string_view line) {
  std::array<std::string_view, 4> fields;
  for (std::size_t i = 0; i != fields.size(); ++i) {
    const auto tab = line.find('\t');
    if ((tab == std::string_view::npos) != (i + 1 == fields.size())) return std::nullopt;
    fields.at(i) = line.substr(0, tab);
    if (tab != std::string_view::npos) line.remove_prefix(tab + 1);
  }
  const auto kind = kind_of(fields[0]);
  SendingRecord record;
  const auto [end, error] = std::from_chars(fields[1].data(), fields[1].data() + fields[1].size(), record.inode);
  const bool is_number = error == std::errc{} && end == fields[1].data() + fields[1].size();
  // No path leads out of the directory.
  const bool is_name =
      !fields[3].empty() && !fields[3].starts_with('.') && fields[3].find('/') == std::string_view::npos;
  if (!kind || !is_number || fields[2].empty() || !is_name) return std::nullopt;
  record.kind = *kind;
  record.host_id = fields[2];
  record.name = fields[3];
  return record;
}

}  // namespace

std::string to_journal_line(const SendingRecord& record) {
  std::string line(1, static_cast<char>(record.kind));
  line.append("\t").append(std::to_string(record.inode));
  line.append("\t").append(record.host_id).append("\t").append(record.name).append("\n");
  return line;
}

std::string journal_header(std::string_view boot_id) {
  return std::string(header_word).append("\t").append(boot_id).append("\n");
}

SendingJournal parse_journal(std::string_view text) {
  SendingJournal journal;
  text = text.substr(0, text.rfind('\n') + 1);  // a line without its end is not whole
  for_each_line(text, [&](std::string_view line, std::size_t number) {
    if (number == 1 && line.starts_with(header_word) && line.substr(header_word.size()).starts_with('\t')) {
      journal.boot_id = line.substr(header_word.size() + 1);
    } else if (auto record = parse_record(line)) {
      journal.records.push_back(std::move(*record));
    }
  });
  return journal;
}

std::vector<SendingRecord> open_records(const SendingJournal& journal) {
  std::vector<SendingRecord> open;
  std::unordered_map<std::string_view, std::size_t> places;  // in `open`, by name
  const auto remove = [&open](std::size_t place) { open[place].name.clear(); };
  for (const SendingRecord& record : journal.records) {
    const auto earlier = places.find(record.name);
    if (record.kind == SendingRecord::Kind::returned) {
      if (earlier == places.end()) continue;
      remove(earlier->second);
      places.erase(earlier);
    } else if (record.kind == SendingRecord::Kind::planned && earlier != places.end()) {
      // Handed out again: its place in the order is the new one.
      SendingRecord again = record;
      if (open[earlier->second].kind == SendingRecord::Kind::unclear) again.kind = SendingRecord::Kind::unclear;
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

}  // namespace lonc::core
