// Builds the setting table: one function for each kind of value, which makes its setter and getter.
#pragma once

#include "setting_values.hpp"

#include <lonc/app/setting_table.hpp>
#include <lonc/core/command_set.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lonc::app {

enum class Reload {
  no,
  yes,
  per_peer,  // yes, and it may be set for one peer alone: it is in that peer's net::PeerConfig, and nowhere else
};

struct Names {
  std::string_view name;
  std::string_view alias = {};
};

// Builds the table, heading by heading.
class Builder {
 public:
  void heading(std::string_view group) { group_ = group; }

  void duration(Names names, core::Duration Settings::* field, core::Duration least, core::Duration most, Reload reload,
                std::string_view help) {
    add(
        names, "a duration from " + format_duration(least) + " to " + format_duration(most), reload, help,
        [=](Settings& settings, std::string_view text) {
          const auto value = parse_duration(text);
          if (!value || *value < least || *value > most) return false;
          settings.*field = *value;
          return true;
        },
        [=](const Settings& settings) { return format_duration(settings.*field); });
  }

  // The system counts these in whole seconds.
  void seconds(Names names, core::Duration Settings::* field, std::chrono::seconds least, std::chrono::seconds most,
               std::string_view help) {
    duration(names, field, least, most, Reload::per_peer, help);
    auto& setting = table_.back();
    setting.accepts += ", in whole seconds";
    setting.set = [set = setting.set](Settings& settings, std::string_view text) {
      const auto value = parse_duration(text);
      return value && *value % std::chrono::seconds{1} == std::chrono::seconds{0} && set(settings, text);
    };
  }

  template <typename Number>
  void count(Names names, Number Settings::* field, Number least, Number most, Reload reload, std::string_view help) {
    add(
        names, "a whole number from " + std::to_string(least) + " to " + std::to_string(most), reload, help,
        [=](Settings& settings, std::string_view text) {
          const auto value = parse_count(text);
          if (!value || *value < least || *value > most) return false;
          settings.*field = static_cast<Number>(*value);
          return true;
        },
        [=](const Settings& settings) { return std::to_string(settings.*field); });
  }

  void size(Names names, std::size_t Settings::* field, std::size_t least, std::size_t most, std::string_view help) {
    add(
        names, "a number of bytes from " + format_size(least) + " to " + format_size(most), Reload::yes, help,
        [=](Settings& settings, std::string_view text) {
          const auto value = parse_size(text);
          if (!value || *value < least || *value > most) return false;
          settings.*field = *value;
          return true;
        },
        [=](const Settings& settings) { return format_size(settings.*field); });
  }

  void path(Names names, std::string Settings::* field, Reload reload, std::string_view help) {
    add(
        names, "an absolute path", reload, help,
        [=](Settings& settings, std::string_view text) {
          auto value = parse_path(text);
          if (!value) return false;
          settings.*field = std::move(*value);
          return true;
        },
        [=](const Settings& settings) { return settings.*field; });
  }

  template <typename IsGood>
  void text(Names names, std::string Settings::* field, std::string accepts, IsGood is_good, Reload reload,
            std::string_view help) {
    add(
        names, std::move(accepts), reload, help,
        [=](Settings& settings, std::string_view text) {
          if (!is_printable(text) || !is_good(text)) return false;
          settings.*field = text;
          return true;
        },
        [=](const Settings& settings) { return settings.*field; });
  }

  void commands(Names names, std::string Settings::* field, std::string_view help) {
    add(
        names, "command words separated by commas, or nothing", Reload::per_peer, help,
        [=](Settings& settings, std::string_view text) {
          const auto value = core::CommandSet::parse(text);
          if (!value) return false;
          settings.*field = value->to_string();
          return true;
        },
        [=](const Settings& settings) { return settings.*field; });
  }

  template <typename Enum, std::size_t count>
  void choice(Names names, Enum Settings::* field, std::array<std::pair<std::string_view, Enum>, count> words,
              Reload reload, std::string_view help) {
    std::string accepts = "one of";
    for (const auto& [word, value] : words) accepts += (accepts == "one of" ? " " : ", ") + std::string(word);
    add(
        names, std::move(accepts), reload, help,
        [=](Settings& settings, std::string_view text) {
          for (const auto& [word, value] : words) {
            if (word != text) continue;
            settings.*field = value;
            return true;
          }
          return false;
        },
        [=](const Settings& settings) {
          for (const auto& [word, value] : words) {
            if (value == settings.*field) return std::string(word);
          }
          return std::string();
        });
  }

  void add(Names names, std::string accepts, Reload reload, std::string_view help,
           std::function<bool(Settings&, std::string_view)> set, std::function<std::string(const Settings&)> get) {
    auto default_text = get(Settings{});
    table_.push_back({std::string(names.name), std::string(names.alias), group_, std::move(accepts),
                      reload != Reload::no, reload == Reload::per_peer, std::string(help), std::move(set),
                      std::move(get), std::move(default_text)});
  }

  std::vector<Setting> take() { return std::move(table_); }

 private:
  std::string group_;
  std::vector<Setting> table_;
};

}  // namespace lonc::app
