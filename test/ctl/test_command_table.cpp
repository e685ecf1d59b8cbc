#include "ctl/command_table.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace lonc::ctl;

namespace {

// The options that the forms of a command show, each as "--name" or "--name VALUE".
std::vector<std::string> shown_options(const Command& command) {
  std::vector<std::string> shown;
  for (const Form& form : command.forms) {
    const std::string text(form.synopsis);
    for (auto at = text.find("--"); at != std::string::npos; at = text.find("--", at + 2)) {
      std::string word = text.substr(at, text.find_first_of("]|", at) - at);
      // The word after an option without brackets may be an argument of the command.
      const auto blank = word.find(' ');
      const auto option = std::ranges::find(
          command.options, word.substr(2, blank == std::string::npos ? blank : blank - 2), &Option::name);
      if (option != command.options.end() && option->value.empty()) word.resize(std::min(word.size(), blank));
      while (word.ends_with(' ')) word.pop_back();
      if (word.find(" [") != std::string::npos) word.resize(word.find(" ["));
      if (std::ranges::find(shown, word) == shown.end()) shown.push_back(word);
    }
  }
  std::ranges::sort(shown);
  return shown;
}

}  // namespace

TEST_CASE("the synopsis of a command shows the options it takes, and no others") {
  for (const Command& command : command_table()) {
    std::vector<std::string> taken;
    for (const Option& option : command.options)
      taken.push_back("--" + std::string(option.name) + (option.value.empty() ? "" : " " + std::string(option.value)));
    std::ranges::sort(taken);
    INFO(command.name);
    CHECK(shown_options(command) == taken);
    for (const Form& form : command.forms) CHECK(form.name.starts_with(command.name));
  }
}

TEST_CASE("an option that two commands explain in the same way appears once") {
  const auto all = all_options();
  CHECK(std::ranges::count(all, "json", [](const SharedOption& shared) { return shared.option.name; }) == 1);
  CHECK(std::ranges::count(all, "timeout", [](const SharedOption& shared) { return shared.option.name; }) == 2);
}

TEST_CASE("a synopsis is written in mdoc") {
  CHECK(synopsis_mdoc({"x list", "HOST... | --peer ID [-] [a | b] [--json]", ""}) ==
        ".Ic x list\n.Ar HOST ... | Fl Fl peer Ar ID\n.Op Cm -\n.Op Cm a | Cm b\n.Op Fl Fl json\n");
}

TEST_CASE("the possible arguments of a command are derived from its forms") {
  const Command command{.name = "x",
                        .run = nullptr,
                        .forms = {{"x list", "[NAME... | --peer ID] LOCAL", ""}, {"x show", "--delayed HOST", ""}},
                        .options = {{"peer", "ID", ""}, {"delayed", "", ""}}};
  const auto places = places_of(command);
  REQUIRE(places.size() == 3);
  CHECK(places[0].words == std::vector<std::string>{"list", "show"});
  CHECK(places[1].words == std::vector<std::string>{"HOST"});
  CHECK(places[2].words == std::vector<std::string>{"HOST"});
  CHECK(places[1].is_repeated);
  CHECK(places_of(*find_command("hosts")).empty());
}
