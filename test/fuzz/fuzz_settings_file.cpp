// lonc.conf as arbitrary bytes: the settings stay within their ranges, and every value survives conversion to text and
// back.
#include "fuzz_input.hpp"

#include <lonc/core/hosts/host_table.hpp>
#include <lonc/node/config/settings.hpp>
#include <lonc/node/config/settings_loader.hpp>

#include <string>
#include <string_view>
#include <system_error>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using fuzz::require;
  constexpr std::size_t enough = 512;  // each bad line is looked up in the whole table, which takes time
  if (size > enough) return -1;
  fuzz::Input input{data, size};
  const auto content = input.rest();
  lonc::node::SettingsSources sources;
  sources.config_file = "lonc.conf";
  const auto loaded = lonc::node::load_settings(sources, [content](const std::string&, std::string& text) {
    text = content;
    return std::error_code{};
  });
  for (const auto& setting : lonc::node::setting_table()) {
    const auto text = setting.get(loaded.settings);
    lonc::node::Settings again = loaded.settings;
    require((setting.name == "host-id" && text.empty()) || setting.set(again, text), "a value is in its range");
    require(again == loaded.settings, "a value goes to text and back");
  }
  for (const auto& [id, values] : loaded.settings.of_peers) {
    require(lonc::core::host_id_fault(id).empty(), "a section is of an id that a peer can have");
    const auto own = settings_of(loaded.settings, id);
    for (const auto& [name, value] : values) {
      const auto* setting = lonc::node::find_setting(name);
      require(setting != nullptr && setting->per_peer && setting->get(own) == value, "a peer's own value is in force");
      require(loaded.origins.contains(lonc::node::origin_key(id, name)), "it has an origin");
    }
  }
  for (const auto& problem : loaded.problems) {
    require(!problem.text.empty() && !problem.remedy.empty(), "a problem has text and remedy");
    require(problem.text.find('\n') == std::string::npos, "a problem is one line");
  }
  return 0;
}
