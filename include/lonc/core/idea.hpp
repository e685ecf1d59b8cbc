// The block cipher IDEA (X. Lai, J. Massey, 1990) as `enc:` lines use it: block for block (ECB). Its key is known to
// anyone who can listen (docs/protocol.md), so it may take a time that depends on the data.
#pragma once

#include <lonc/core/session_key.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace lonc::core {

class Idea {
 public:
  static constexpr std::size_t block_size = 8;  // bytes

  explicit Idea(const SessionKey& key);

  // In place; `blocks` whole blocks begin at `data`.
  void encrypt(char* data, std::size_t blocks) const;
  void decrypt(char* data, std::size_t blocks) const;

 private:
  using Subkeys = std::array<std::uint16_t, 52>;  // six a round, four for the end

  static Subkeys inverse(const Subkeys& subkeys);

  Subkeys encryption_{};
  Subkeys decryption_{};
};

}  // namespace lonc::core
