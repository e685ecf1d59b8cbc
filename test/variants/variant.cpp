#include "variant.hpp"

#include <cstdlib>

// The number in the environment variable LONC_VARIANT; 0, which no variant has, without it.
int lonc_selected_variant() {
  static const int selected = [] {
    const char* const text = std::getenv("LONC_VARIANT");
    return text == nullptr ? 0 : std::atoi(text);
  }();
  return selected;
}
