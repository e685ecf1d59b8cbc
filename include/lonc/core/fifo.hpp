// First in, first out: a ring that grows and is kept, so that what passes through it in steady state costs no
// allocation, and an empty one holds no memory before its first use.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace lonc::core {

template <typename T>
class Fifo {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  // The oldest is number 0.
  const T& operator[](std::size_t number) const { return slots_[place(number)]; }
  T& operator[](std::size_t number) { return slots_[place(number)]; }
  const T& front() const { return slots_[first_]; }
  const T& back() const { return slots_[place(size_ - 1)]; }

  void push(T value) { push() = std::move(value); }
  // A new youngest one, which may hold what was there before: to be filled in place.
  T& push() {
    if (size_ == slots_.size()) grow();
    return slots_[place(size_++)];
  }
  T pop() {
    T value = std::move(slots_[first_]);
    first_ = place(1);
    --size_;
    if (size_ == 0 && slots_.size() > most_kept) clear();
    return value;
  }
  // Takes one out from between; the older it is the less that costs.
  void erase(std::size_t number) {
    for (; number != 0; --number) slots_[place(number)] = std::move(slots_[place(number - 1)]);
    pop();
  }
  void clear() { *this = {}; }

 private:
  static constexpr std::size_t most_kept = 1024;  // places, once it is empty

  std::size_t place(std::size_t number) const { return (first_ + number) & (slots_.size() - 1); }

  void grow() {
    std::vector<T> larger(slots_.empty() ? 2 : 2 * slots_.size());
    for (std::size_t number = 0; number != size_; ++number) larger[number] = std::move(slots_[place(number)]);
    slots_ = std::move(larger);
    first_ = 0;
  }

  std::vector<T> slots_;  // a power of two of them
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace lonc::core
