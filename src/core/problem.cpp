#include <lonc/core/problem.hpp>

namespace lonc::core {

namespace {

const char* word_for(Problem::Kind kind) {
  switch (kind) {
    case Problem::Kind::note:
      return "note";
    case Problem::Kind::warning:
      return "warning";
    case Problem::Kind::error:
      break;
  }
  return "error";
}

}  // namespace

std::string to_string(const Problem& problem) {
  std::string text = problem.file;
  if (!text.empty()) {
    if (problem.line != 0) text += ':' + std::to_string(problem.line);
    text += ": ";
  }
  text += word_for(problem.kind);
  text += ": " + problem.text;
  if (!problem.remedy.empty()) text += "; " + problem.remedy;
  return text;
}

}  // namespace lonc::core
