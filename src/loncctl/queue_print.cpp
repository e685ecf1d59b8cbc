#include "queue_print.hpp"

#include "age.hpp"
#include "table.hpp"

#include <lonc/core/text.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

namespace lonc::ctl {

namespace {

using app::QueueAction;
using nlohmann::json;

// Of a name that others have chosen nothing reaches the terminal but what can be seen.
std::string shown(const json& text) { return core::escape_outside_text(text.get<std::string>(), 512); }

std::string command_text(const json& message) {
  const auto word = message["command"].get<std::string>();
  return message["encrypted"].get<bool>() ? "encrypt:" + word : word;
}

using Seconds = std::chrono::duration<double>;
using Texts = std::vector<std::string>;

Texts texts_of(const json& message) {
  Texts row{shown(message["peer"]),
            age_text(Seconds(message["age_s"].get<double>())),
            std::to_string(message["size"].get<std::uint64_t>()),
            std::to_string(message["attempts"].get<unsigned>()),
            message["state"].get<std::string>(),
            command_text(message),
            shown(message["name"])};
  if (message.contains("reason")) row.push_back(shown(message["reason"]));
  return row;
}

void print_table(const std::vector<Texts>& lines) {
  std::vector<Row> rows;
  for (const Texts& line : lines) {
    Row& row = rows.emplace_back();
    for (const std::string& text : line) row.push_back({.text = text});
  }
  std::cout << render_table(rows, {});
}

void print_list(const json& answer) {
  const json& messages = answer["messages"];
  const auto total = answer["total"].get<std::size_t>();
  if (messages.empty()) {
    std::cout << "No messages.\n";
    return;
  }
  const bool is_quarantine = messages.front().contains("reason");
  std::vector<Texts> rows{{"PEER", "AGE", "BYTES", "FAILED", "STATE", "COMMAND", "NAME"}};
  if (is_quarantine) rows.front().emplace_back("REASON");
  for (const json& message : messages) rows.push_back(texts_of(message));
  print_table(rows);
  if (total > messages.size())
    std::cout << "The oldest " << messages.size() << " of " << total << "; --limit shows more.\n";
}

void print_one(const json& message) {
  std::vector<Texts> rows{{"name:", shown(message["name"])},
                          {"peer:", shown(message["peer"])},
                          {"state:", message["state"].get<std::string>()},
                          {"age:", age_text(Seconds(message["age_s"].get<double>()))},
                          {"bytes:", std::to_string(message["size"].get<std::uint64_t>())},
                          {"command:", command_text(message)},
                          {"failed:", std::to_string(message["attempts"].get<unsigned>())}};
  if (message.contains("reason")) rows.push_back({"reason:", shown(message["reason"])});
  if (message.contains("original_name")) rows.push_back({"was:", shown(message["original_name"])});
  if (message.contains("fault")) {
    const std::string fault = shown(message["fault"]);
    rows.push_back({"can be sent:", fault.empty() ? "yes" : "no, " + fault});
  }
  print_table(rows);
}

void print_done(const json& answer, QueueAction action) {
  const auto done = answer["done"].get<std::size_t>();
  const std::string messages = done == 1 ? " message" : " messages";
  switch (action) {
    case QueueAction::retry:
      std::cout << answer["total"].get<std::size_t>() << " waiting, tried again at " << done
                << (done == 1 ? " peer\n" : " peers\n");
      return;
    case QueueAction::hold:
      std::cout << done << messages << " held in the quarantine\n";
      return;
    case QueueAction::drop:
      std::cout << done << messages << " dropped\n";
      return;
    case QueueAction::release:
      std::cout << done << messages << " released\n";
      return;
    case QueueAction::list:
    case QueueAction::show:
      return;
  }
}

}  // namespace

void print_queue(const json& answer, QueueAction action, bool is_json) {
  for (const json& problem : answer["problems"])
    std::cerr << "loncctl: " << shown(problem["name"]) << ": " << shown(problem["text"]) << "\n";
  const bool is_change = action != QueueAction::list && action != QueueAction::show;
  if (is_change && answer["total"] == 0 && answer["problems"].empty() && !answer.contains("error"))
    std::cerr << "loncctl: there is no such message\n";
  if (answer.contains("error")) std::cerr << "loncctl: " << shown(answer["error"]) << "\n";
  if (is_json) {
    std::cout << answer.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
  } else if (action == QueueAction::list) {
    print_list(answer);
  } else if (action == QueueAction::show) {
    for (const json& message : answer["messages"]) print_one(message);
  } else if (answer["done"].get<std::size_t>() > 0) {
    print_done(answer, action);
  }
}

}  // namespace lonc::ctl
