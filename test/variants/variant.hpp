// Which deliberate fault is in force: included in front of every file of the variants' build.
#pragma once

#include <type_traits>

int lonc_selected_variant();

// Never at compile time: what is computed there is the same in all variants.
constexpr bool lonc_variant(int number) { return !std::is_constant_evaluated() && lonc_selected_variant() == number; }
