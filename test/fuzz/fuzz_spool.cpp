// The spool's input from outside: names of files, their content, the answer to it, and the journal of sending.
#include "fuzz_input.hpp"

#include <lonc/core/spool/delayed_message.hpp>
#include <lonc/core/spool/spool_journal.hpp>

#include <set>
#include <string>

namespace {

using fuzz::require;
using lonc::core::DelayedContent;
using lonc::core::SendingRecord;

void check_name(std::string_view name) {
  for (const std::string_view known : {"b", "a.b", "msul1", ""}) {
    const auto owned = lonc::core::parse_delayed_name(name, [&](std::string_view id) { return id == known; });
    if (!owned) continue;
    require(owned->host_id == known && !known.empty(), "a name is of the host that was asked for");
    require(name.ends_with("." + std::string(known)), "a name ends with its host, whole");
    require(owned->name.text == name, "the name is kept whole");
    require(lonc::core::is_delayed_name(name), "what is a host's is a delayed message");
  }
  const std::string made = lonc::core::make_delayed_name(7, 8, 9, name, "a.b");
  const auto owned = lonc::core::parse_delayed_name(made, [](std::string_view id) { return id == "a.b"; });
  require(owned && owned->name.timestamp == 7, "what is made can be read");
  require(made.find_first_of("/\n") == std::string::npos, "what is made can be the name of a file");
}

void check_content(std::string_view content, std::size_t limit) {
  const auto checked = lonc::core::check_delayed_content(content, "msul1", limit);
  const bool is_line = checked.kind == DelayedContent::whole || checked.kind == DelayedContent::unterminated;
  require(is_line == checked.reason.empty(), "what cannot be sent has a reason");
  require(is_line || checked.line.empty(), "only what can be sent has a line");
  require((checked.kind == DelayedContent::empty) == content.empty(), "empty is what holds nothing");
  lonc::core::judge_delayed_reply(content);
  if (!is_line) return;
  require(!checked.line.empty() && checked.line.size() <= limit, "a line respects the limit");
  require(checked.line.find_first_of(std::string_view("\n\0", 2)) == std::string_view::npos, "a line is one");
  require(content.starts_with(checked.line), "a line is the first");
  require(content.find_first_not_of('\n', checked.line.size()) == std::string_view::npos, "and nothing is left out");
  const std::string record = lonc::core::sent_record("h", checked.line);
  const bool is_encrypted = checked.line.starts_with("encrypt:");
  require(is_encrypted ? record.size() <= 4 + 8 + 15 : record == "S:h:" + std::string(checked.line),
          "a record is the command, or the word of an encrypted one");
}

void check_journal(std::string_view text) {
  const auto journal = lonc::core::parse_journal(text);
  const auto open = lonc::core::open_records(journal);
  std::set<std::string> names;
  for (const SendingRecord& record : open) {
    require(names.insert(record.name).second, "a message is open once");
    require(record.kind != SendingRecord::Kind::returned, "what was returned is not open");
    require(!record.name.empty() && !record.host_id.empty(), "a record is whole");
  }

  // A file whose second half has not been written.
  const auto as_file = [](std::string text) { return text.append(text.size(), ' '); };
  const lonc::core::JournalHalf half("boot", 1, open);
  const auto same = lonc::core::parse_journal(as_file(half.text()));
  require(same.boot_id == "boot", "a header is read as it was written");
  require(lonc::core::open_records(same).size() == open.size(), "records are read as they were written");
  // The part before a torn end is read in any case.
  const auto torn = lonc::core::parse_journal(as_file(half.text() + "P\t1\th"));
  require(torn.records.size() == same.records.size(), "a torn end takes nothing with it");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input{data, size};
  check_name(input.line());
  const std::size_t limit = 1U + input.byte();
  const std::string_view rest = input.rest();
  check_content(rest, limit);
  check_content(rest.substr(0, rest.find('\n')), limit);
  check_journal(rest);
  return 0;
}
