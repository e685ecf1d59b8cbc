// Parts of the documents that are generated from the code: between "<!-- NAME -->" and "<!-- end of NAME -->", on
// their own lines.
#pragma once

#include "support/catch.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace lonc::test {

// Checks that this part of docs/FILE is `expected`. With LONC_WRITE_DOCS in the environment it is written instead.
inline void check_doc_block(const std::string& file, const std::string& name, const std::string& expected) {
  const std::string path = std::string(LONC_SOURCE_DIR) + "/docs/" + file;
  std::ifstream in(path);
  std::string text(std::istreambuf_iterator<char>(in), {});
  const std::string begin = "<!-- " + name + " -->\n";
  const std::size_t first = text.find(begin);
  const std::size_t last = text.find("<!-- end of " + name + " -->\n");
  REQUIRE(first != std::string::npos);
  REQUIRE(last != std::string::npos);
  const std::size_t start = first + begin.size();
  if (std::getenv("LONC_WRITE_DOCS") != nullptr) {
    text.replace(start, last - start, expected);
    std::ofstream(path) << text;
    return;
  }
  INFO("docs/" + file + " is made anew by LONC_WRITE_DOCS=1 test_daemon");
  CHECK(text.substr(start, last - start) == expected);
}

}  // namespace lonc::test
