// Texts that a stand-in sends: random digits, bytes and build keys; and the numbers in its commands.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace lonc::standin {

std::string random_digits(std::size_t size);
// Any byte except '\n'.
std::string random_bytes(std::size_t size);
// 20 to 30 digits, some in the middle A to F, as lond makes them.
std::string random_build_key();
// "abc...zabc...", so that a lost or duplicate piece of a long reply is visible.
std::string repeated_alphabet(std::size_t size);

// 0 if `text` is not a number.
std::size_t to_number(std::string_view text);
// "12:text" -> 12, "text".
std::pair<std::size_t, std::string_view> split_number(std::string_view text);

}  // namespace lonc::standin
