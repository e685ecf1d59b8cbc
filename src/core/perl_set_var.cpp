#include <lonc/core/perl_set_var.hpp>

#include <lonc/core/config_lines.hpp>
#include <lonc/core/text.hpp>

#include <algorithm>
#include <optional>

namespace lonc::core {

namespace {

constexpr std::string_view directive = "PerlSetVar";
constexpr std::string_view blanks = " \t\r\v\f";

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [lower](char x, char y) { return lower(x) == lower(y); });
}

// Takes the first word off `text` and the blanks behind it.
std::string_view take_word(std::string_view& text) {
  const auto word = text.substr(0, text.find_first_of(blanks));
  text.remove_prefix(word.size());
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return word;
}

// What the parser of 2002 took from a line: the second and third of the fields between white space, of every line
// that contains the directive anywhere. White space at the start makes an empty first field.
struct OldReading {
  std::string_view first;
  std::string_view name;
  std::string_view value;
};

std::optional<OldReading> read_as_in_2002(std::string_view line) {
  if (line.find(directive) == std::string_view::npos) return std::nullopt;
  OldReading reading;
  for (auto* field : {&reading.first, &reading.name, &reading.value}) *field = take_word(line);
  return reading;
}

struct Value {
  std::string text;
  bool was_quoted = false;
  bool is_closed = true;
  std::string_view rest;  // behind the closing quote
};

Value read_value(std::string_view text) {
  Value value;
  const char quote = text.empty() ? '\0' : text[0];
  if (quote != '"' && quote != '\'') {
    value.text = text;
    return value;
  }
  value.was_quoted = true;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == quote) {
      value.rest = trim(text.substr(i + 1));
      return value;
    }
    const bool is_escaped = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == quote || text[i + 1] == '\\');
    if (is_escaped) ++i;
    value.text += text[i];
  }
  value.is_closed = false;
  return value;
}

class Parser {
 public:
  Parser(std::string_view file, bool (*is_ours)(std::string_view)) : file_(file), is_ours_(is_ours) {}

  PerlSetVarFile parse(std::string_view text) {
    for_each_line(text, [this](std::string_view line, std::size_t number) { take_line(line, number); });
    return std::move(result_);
  }

 private:
  void warn(std::string_view name, std::size_t line, std::string_view text, std::string remedy) {
    if (is_ours_ != nullptr && !is_ours_(name)) return;
    result_.problems.push_back({Problem::Kind::warning, file_, line,
                                escape_outside_text(name, 80).append(" ").append(text), std::move(remedy)});
  }

  void take_line(std::string_view line, std::size_t number) {
    auto rest = trim(line);
    const auto word = take_word(rest);
    if (!equals_ignoring_case(word, directive)) return tell_what_was_read(line, number);
    const auto name = take_word(rest);
    if (name.empty()) return;
    if (rest.empty()) {
      return warn(name, number, "has no value here, the line is passed over", "add a value or remove the line");
    }
    auto value = read_value(rest);
    tell_differences(line, word, name, value, number);
    result_.variables.push_back({std::string(name), std::move(value.text), number});
  }

  // For a line that sets nothing, but once did.
  void tell_what_was_read(std::string_view line, std::size_t number) {
    const auto old = read_as_in_2002(line);
    if (!old || old->first.find(directive) == std::string_view::npos || old->name.empty()) return;
    warn(old->name, number, "is not set by this line, but the parser of 2002 would have set it",
         line[0] == '#' ? "put a blank after the '#', or remove the line" : "remove the line");
  }

  // One warning a line is enough: the first that applies.
  void tell_differences(std::string_view line, std::string_view word, std::string_view name, const Value& value,
                        std::size_t number) {
    if (!value.is_closed) {
      return warn(name, number, "has a value whose quote is not closed, the rest of the line is taken",
                  "close the quote");
    }
    if (!value.rest.empty()) {
      return warn(name, number, "has something behind the closing quote, which is passed over", "remove it");
    }
    if (word != directive) {
      return warn(name, number, "would not have been read by the parser of 2002 with this spelling",
                  "write PerlSetVar");
    }
    if (blanks.find(line[0]) != std::string_view::npos) {
      return warn(name, number, "would not have been read by the parser of 2002 in an indented line",
                  "remove the blanks at the start if it is in use");
    }
    if (value.was_quoted) {
      return warn(name, number, "would have kept its quotes with the parser of 2002",
                  "remove the quotes if it is in use");
    }
    if (value.text.find_first_of(blanks) != std::string::npos) {
      return warn(name, number, "has a value with blanks, of which the parser of 2002 took the first word",
                  "use a value without blanks, and no comment behind it");
    }
  }

  std::string file_;
  bool (*is_ours_)(std::string_view);
  PerlSetVarFile result_;
};

}  // namespace

PerlSetVarFile parse_perl_set_var(std::string_view text, std::string_view file, bool (*is_ours)(std::string_view)) {
  return Parser(file, is_ours).parse(text);
}

}  // namespace lonc::core
