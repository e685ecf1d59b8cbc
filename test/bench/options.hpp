// The `--name value` options of the benchmark's programs.
#pragma once

#include <charconv>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

namespace lonc::bench {

class Options {
 public:
  Options(int argc, char* argv[]) {
    for (int i = 1; i < argc; i += 2) {
      const std::string_view name = argv[i];
      if (!name.starts_with("--") || i + 1 == argc) throw std::invalid_argument("expected --name value");
      values_.emplace(name.substr(2), argv[i + 1]);
    }
  }

  void get(const std::string& name, std::string& value) const {
    if (const auto found = values_.find(name); found != values_.end()) value = found->second;
  }
  template <typename Number>
  void get(const std::string& name, Number& value) const {
    value = static_cast<Number>(number(name, static_cast<std::int64_t>(value)));
  }
  std::int64_t number(const std::string& name, std::int64_t fallback) const {
    const auto found = values_.find(name);
    if (found == values_.end()) return fallback;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
    if (error != std::errc{} || *end != '\0') throw std::invalid_argument("--" + name + ": not a number");
    return value;
  }

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace lonc::bench
