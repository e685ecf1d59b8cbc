#include "sim/judge.hpp"

#include <charconv>

namespace lonc::sim {

namespace {

constexpr std::string_view encrypted = "encrypt:";

}  // namespace

std::string Judge::content_of(std::string_view line) {
  return std::string(line.starts_with(encrypted) ? line.substr(encrypted.size()) : line);
}

void Judge::sent(const Request& request) {
  Tally& tally = tallies_[{request.peer, hash_of(content_of(request.line))}];
  ++tally.sent;
  tally.period = period_;
  World::get().count("requests");
}

std::uint64_t Judge::received(int peer, std::string_view line, const std::shared_ptr<BatchTruth>& batch) {
  const Key key{peer, hash_of(line)};
  if (const auto message = delayed_by_line_.find(key); message != delayed_by_line_.end()) {
    delayed_received(message->second);
  } else if (line != "ping" && line != "exit") {
    Tally& tally = tallies_[key];
    tally.batch = batch;
    tally.period = period_;
    if (++tally.received > tally.sent)
      World::get().violate("sent twice", Judge::id_of(peer) + " got more often than it was asked: " + shown(line));
  }
  received_[++last_received_] = {.peer = peer, .hash = key.second};
  return last_received_;
}

std::string Judge::write(WrittenLine line, std::size_t padding) {
  std::string text = id_of(line.peer) + "-" + std::to_string(++last_written_) + "-";
  text.append(padding, 'x');
  line.hash = hash_of(text);
  written_[last_written_] = std::move(line);
  return text;
}

// Excused is only what lonc cannot find out: faults that cancel each other within one batch, a line too many where no
// fence follows the request, and a line that nobody asked for as the first one of a connection to a peer whose fence is
// not known yet.
bool Judge::is_excused(const WrittenLine* line, const Tally* tally) const {
  const auto cancels = [](const BatchTruth& batch) {
    return batch.added > 0 && (batch.omitted > 0 || !batch.is_fenced);
  };
  if (line != nullptr && (cancels(*line->batch) || (line->is_first && line->kind == WrittenLine::Kind::unasked)))
    return true;
  return tally != nullptr && tally->batch && cancels(*tally->batch);
}

void Judge::wrong(std::string_view kind, const Request& request, std::string_view line, const WrittenLine* written) {
  const auto tally = tallies_.find({request.peer, hash_of(content_of(request.line))});
  if (is_excused(written, tally == tallies_.end() ? nullptr : &tally->second)) {
    World::get().count("excused");
    return;
  }
  World::get().violate(kind, "the answer to " + shown(request.line) + " is " + shown(line));
}

bool Judge::answered(const Request& request, std::string_view line) {
  World& world = World::get();
  world.count("answers");
  if (line == "con_lost") {
    world.count("con_lost");
    return false;
  }
  if (line.starts_with("error:")) {
    world.count("error");
    if (!line.ends_with("bytes")) world.violate("error", "the answer to " + shown(request.line) + " is " + shown(line));
    return false;
  }
  const std::string content = content_of(request.line);
  // Bytes without a line end that came before the answer are a part of it: it is garbled, but still the right one.
  if (line.starts_with(half_line)) {
    world.count("garbled_by_bytes");
    line.remove_prefix(half_line.size());
    if (line.starts_with("enc:")) return true;
  }
  if ((content == "ping" && line == id_of(request.peer)) || (content == "exit" && line == "bye")) {
    world.count("right");
    return true;
  }
  std::uint64_t number = 0;
  const std::size_t dash = line.find('-');
  if (dash != std::string_view::npos) std::from_chars(line.data() + dash + 1, line.data() + line.size(), number);
  const auto found = written_.find(number);
  const WrittenLine* const written = found == written_.end() ? nullptr : &found->second;
  if (written == nullptr || written->hash != hash_of(line)) {
    wrong("crossed", request, line, nullptr);
    return true;
  }
  const auto of_request = received_.find(written->request);
  if (of_request == received_.end()) {
    wrong("crossed", request, line, written);
    return true;
  }
  Received& asked = of_request->second;
  if (asked.peer != request.peer || asked.hash != hash_of(content)) {
    wrong("crossed", request, line, written);
  } else if (std::exchange(asked.is_answered, true)) {
    wrong("doubled", request, line, written);
  } else {
    world.count("right");
  }
  return true;
}

void Judge::filed(int peer, const std::string& name, const std::string& line) {
  delayed_by_line_[{peer, hash_of(line)}] = filed_;
  delayed_by_name_[name] = filed_;
  delayed_[filed_++] = {.peer = peer, .name = name, .key = {peer, hash_of(line)}, .period = period_};
  World::get().count("delayed");
}

void Judge::delayed_received(std::size_t number) {
  World& world = World::get();
  Delayed& message = delayed_[number];
  std::size_t& latest = latest_delayed_[message.peer];
  if (++message.arrivals == 1) {
    if (number + 1 < latest) world.violate("order", message.name + " arrives after a later one");
    latest = number + 1;
  } else {
    world.count("delayed_doubled");
  }
}

void Judge::logged(const std::string& line) {
  for (const char* const words : {" may have two S: lines", " is sent again"}) {
    const std::size_t end = line.find(words);
    if (end == std::string::npos) continue;
    const std::size_t start = line.rfind(' ', end - 1) + 1;
    const auto found = delayed_by_name_.find(line.substr(start, end - start));
    if (found != delayed_by_name_.end()) delayed_[found->second].is_named = true;
  }
}

void Judge::set_aside(const std::string& name) {
  const auto found = delayed_by_name_.find(name);
  if (found == delayed_by_name_.end()) return;
  delayed_[found->second].is_set_aside = true;
  World::get().count("set_aside");
}

std::size_t Judge::undelivered() const {
  std::size_t count = 0;
  for (const auto& [number, message] : delayed_) count += message.arrivals == 0 && !message.is_set_aside ? 1U : 0U;
  return count;
}

void Judge::check(const Delayed& message) {
  World& world = World::get();
  if (message.arrivals == 0 && !message.is_set_aside) world.violate("delayed lost", message.name);
  if (message.arrivals > 1 && !message.is_named) world.violate("doubled and not named", message.name);
}

void Judge::check_delayed() {
  for (const auto& [number, message] : delayed_) check(message);
}

void Judge::forget_settled(const std::set<std::string>& left) {
  std::erase_if(delayed_, [&](const auto& entry) {
    const Delayed& message = entry.second;
    if (message.period == period_ || left.contains(message.name)) return false;
    check(message);
    delayed_by_line_.erase(message.key);
    delayed_by_name_.erase(message.name);
    return true;
  });
  std::erase_if(tallies_, [&](const auto& entry) { return entry.second.period != period_; });
  received_.erase(received_.begin(), received_.upper_bound(received_before_));
  written_.erase(written_.begin(), written_.upper_bound(written_before_));
  received_before_ = last_received_;
  written_before_ = last_written_;
  ++period_;
}

}  // namespace lonc::sim
