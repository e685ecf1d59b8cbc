#include <lonc/core/hosts/perl_set_var.hpp>

#include <lonc/core/base/text.hpp>

#include <algorithm>
#include <array>

namespace lonc::core {

namespace {

constexpr std::string_view directive = "PerlSetVar";
constexpr std::string_view blanks = " \t\r\v\f";

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return to_lower(x) == to_lower(y); });
}

// Removes the first word and the blanks after it from `text`, and returns the word.
std::string_view take_word(std::string_view& text) {
  const auto word = text.substr(0, text.find_first_of(blanks));
  text.remove_prefix(word.size());
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return word;
}

struct Value {
  std::string text;
  bool was_quoted = false;
  bool is_closed = true;
  std::string_view rest;  // after the closing quote
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
    if (rest.empty())
      return warn(name, number, "has no value here; the line is skipped", "add a value or remove the line");
    auto value = read_value(rest);
    tell_differences(line, word, name, value, number);
    result_.variables.push_back({std::string(name), std::move(value.text), number});
  }

  // For a line that sets nothing now, but did with the parser of 2002. That one took the second and third of the fields
  // separated by white space, from every line that contained the directive anywhere. White space at the start makes an
  // empty first field.
  void tell_what_was_read(std::string_view line, std::size_t number) {
    auto rest = line;
    const auto first = take_word(rest);
    const auto name = take_word(rest);
    if (first.find(directive) == std::string_view::npos || name.empty()) return;
    warn(name, number, "is not set by this line, but the parser of 2002 would have set it",
         line[0] == '#' ? "put a blank after the '#', or remove the line" : "remove the line");
  }

  // One warning per line is enough: the first that applies.
  void tell_differences(std::string_view line, std::string_view word, std::string_view name, const Value& value,
                        std::size_t number) {
    struct Difference {
      bool applies;
      std::string_view text;
      const char* remedy;
    };
    const auto differences = std::to_array<Difference>({
        {!value.is_closed, "has a value with an unclosed quote; the rest of the line is used", "close the quote"},
        {!value.rest.empty(), "has text after the closing quote, which is ignored", "remove it"},
        {word != directive, "would not have been read by the parser of 2002 with this spelling", "write PerlSetVar"},
        {blanks.find(line[0]) != std::string_view::npos,
         "would not have been read by the parser of 2002 in an indented line",
         "remove the blanks at the start if it is in use"},
        {value.was_quoted, "would have kept its quotes with the parser of 2002", "remove the quotes if it is in use"},
        {value.text.find_first_of(blanks) != std::string::npos,
         "has a value with blanks, of which the parser of 2002 used only the first word",
         "use a value without blanks, and no comment after it"},
    });
    const auto first = std::ranges::find_if(differences, &Difference::applies);
    if (first != differences.end()) warn(name, number, first->text, first->remedy);
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
