#include "crash/enumeration.hpp"

#include <algorithm>
#include <utility>

namespace lonc::test {

using Kind = Operation::Kind;

namespace {

bool is_change(const Operation& operation) { return operation.kind <= Kind::write; }

}  // namespace

Enumeration::Enumeration(const Recording& recording, std::size_t end, std::function<void(const FileTree&)> use)
    : recording_(recording), end_(end), use_(std::move(use)), fates_(end, Fate::whole) {
  std::set<int> synced;
  for (std::size_t i = end; i-- > 0;) {
    const Operation& operation = recording.operations[i];
    if (operation.kind == Kind::sync) synced.insert(operation.object);
    if (is_change(operation) && !synced.contains(operation.object)) open_.push_back(i);
  }
}

void Enumeration::all() {
  make();
  constexpr std::size_t most_for_all_sets = 6;
  if (open_.size() <= most_for_all_sets) {
    for (std::size_t set = 0; set != std::size_t{1} << open_.size(); ++set) {
      for (std::size_t i = 0; i != open_.size(); ++i)
        fates_[open_[i]] = (set >> i & 1U) != 0 ? Fate::whole : Fate::missing;
      make();
      tear();
    }
    return;
  }
  // All but one or two, and none but one or two.
  for (const auto& [most, few] : {std::pair{Fate::whole, Fate::missing}, std::pair{Fate::missing, Fate::whole}}) {
    for (const std::size_t place : open_) fates_[place] = most;
    make();
    tear();
    for (std::size_t i = 0; i != open_.size(); ++i) {
      fates_[open_[i]] = few;
      tear();
      for (std::size_t k = i; k != open_.size(); ++k) {
        fates_[open_[k]] = few;
        make();
        if (k != i) fates_[open_[k]] = most;
      }
      fates_[open_[i]] = most;
    }
  }
}

bool Enumeration::is_open(std::size_t place) const { return std::ranges::find(open_, place) != open_.end(); }

// A rename between directories that neither of them was synced after never loses both names.
bool Enumeration::is_possible(const Operation& operation, const std::set<int>& reachable) const {
  if (operation.added_by < 0) return true;
  const auto added_by = static_cast<std::size_t>(operation.added_by);
  return fates_[added_by] != Fate::missing && reachable.contains(recording_.operations[added_by].object);
}

void Enumeration::apply(FileTree& tree, const Operation& operation, Fate fate) {
  switch (operation.kind) {
    case Kind::add:
      tree.directories[operation.object][operation.name] = operation.target;
      break;
    case Kind::remove:
    case Kind::move: {
      auto& names = tree.directories[operation.object];
      const auto at = names.find(operation.name);
      if (at != names.end() && at->second == operation.target) names.erase(at);
      if (operation.kind == Kind::move) names[operation.new_name] = operation.target;
      break;
    }
    case Kind::write: {
      std::string& file = tree.files[operation.object];
      const std::size_t half = operation.bytes.size() / 2;
      const std::size_t from = fate == Fate::second_half ? half : 0;
      const std::size_t to = fate == Fate::first_half ? half : operation.bytes.size();
      if (file.size() < operation.offset + to) file.resize(operation.offset + to);
      if (fate != Fate::zeros) file.replace(operation.offset + from, to - from, operation.bytes, from, to - from);
      break;
    }
    case Kind::sync:
    case Kind::sent:
    case Kind::durable:
      break;
  }
}

void Enumeration::tear() {
  for (const std::size_t place : open_) {
    if (recording_.operations[place].kind != Kind::write) continue;
    const Fate before = fates_[place];
    for (const Fate fate : {Fate::first_half, Fate::second_half, Fate::zeros}) {
      fates_[place] = fate;
      make();
    }
    fates_[place] = before;
  }
}

void Enumeration::make() {
  FileTree tree = recording_.before;
  std::set<int> reachable{0};
  for (const auto& [directory, names] : tree.directories) {
    for (const auto& [name, object] : names) reachable.insert(object);
  }
  for (std::size_t i = 0; i != end_; ++i) {
    const Operation& operation = recording_.operations[i];
    if (fates_[i] == Fate::missing) continue;
    if (is_open(i) && !is_possible(operation, reachable)) continue;
    if (operation.kind == Kind::add) reachable.insert(operation.target);
    apply(tree, operation, fates_[i]);
  }
  use_(tree);
}

std::string text_of(const FileTree& tree, int directory) {
  std::string text;
  for (const auto& [name, object] : tree.directories.at(directory)) {
    text += name + '\1' + std::to_string(object) + '\1';
    const auto file = tree.files.find(object);
    text += tree.directories.contains(object) ? text_of(tree, object)
            : file == tree.files.end()        ? std::string()
                                              : file->second;
    text += '\2';
  }
  return text;
}

}  // namespace lonc::test
