#include "support/catch.hpp"

#include <lonc/core/wire/session_cipher.hpp>

#include <gcrypt.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>

using lonc::core::Idea;
using lonc::core::SessionKey;

namespace {

// Another implementation, as the reference.
class Reference {
 public:
  explicit Reference(const SessionKey& key) {
    static const char* const version = gcry_check_version(nullptr);
    if (version == nullptr || gcry_cipher_open(&cipher_, GCRY_CIPHER_IDEA, GCRY_CIPHER_MODE_ECB, 0) != 0 ||
        gcry_cipher_setkey(cipher_, key.data(), key.size()) != 0)
      throw std::runtime_error("libgcrypt has no IDEA");
  }
  ~Reference() { gcry_cipher_close(cipher_); }
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;

  std::string encrypted(std::string text) const {
    if (!text.empty()) REQUIRE(gcry_cipher_encrypt(cipher_, text.data(), text.size(), nullptr, 0) == 0);
    return text;
  }

 private:
  gcry_cipher_hd_t cipher_ = nullptr;
};

std::string encrypted(const Idea& idea, std::string text) {
  idea.encrypt(text.data(), text.size() / Idea::block_size);
  return text;
}

std::string decrypted(const Idea& idea, std::string text) {
  idea.decrypt(text.data(), text.size() / Idea::block_size);
  return text;
}

// Many zeros and ones: with them a multiplication modulo 2^16 + 1 goes wrong first.
class Bytes {
 public:
  explicit Bytes(unsigned seed) : engine_(seed) {}

  std::uint8_t next() {
    const unsigned kind = engine_() % 4;
    return static_cast<std::uint8_t>(kind == 0 ? 0 : kind == 1 ? engine_() % 2 : engine_() % 256);
  }

  std::string text(std::size_t size) {
    std::string text(size, '\0');
    std::ranges::generate(text, [this] { return static_cast<char>(next()); });
    return text;
  }

  SessionKey key() {
    SessionKey key{};
    std::ranges::generate(key, [this] { return next(); });
    return key;
  }

 private:
  std::mt19937 engine_;
};

}  // namespace

TEST_CASE("IDEA: the vector of its authors") {
  const Idea idea{{0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}};
  const std::string plain("\0\0\0\1\0\2\0\3", 8);
  const std::string cipher("\x11\xfb\xed\x2b\x01\x98\x6d\xe5", 8);
  CHECK(encrypted(idea, plain) == cipher);
  CHECK(decrypted(idea, cipher) == plain);
}

TEST_CASE("IDEA: any number of blocks with any key gives the same as libgcrypt, and is decrypted correctly") {
  Bytes bytes{4711};
  for (int round = 0; round != 200; ++round) {
    const SessionKey key = bytes.key();
    const Idea idea{key};
    const Reference reference{key};
    for (std::size_t blocks = 0; blocks != 20; ++blocks) {
      CAPTURE(round, blocks);
      const std::string plain = bytes.text(blocks * Idea::block_size);
      const std::string cipher = encrypted(idea, plain);
      REQUIRE(cipher == reference.encrypted(plain));
      REQUIRE(decrypted(idea, cipher) == plain);
    }
  }
}

TEST_CASE("IDEA: keys of zeros and of ones") {
  for (const int byte : {0x00, 0x01, 0x80, 0xff}) {
    SessionKey key{};
    key.fill(static_cast<std::uint8_t>(byte));
    const Idea idea{key};
    const Reference reference{key};
    for (const char filler : {'\0', '\1', '\xff'}) {
      const std::string plain(10 * Idea::block_size, filler);
      CHECK(encrypted(idea, plain) == reference.encrypted(plain));
      CHECK(decrypted(idea, encrypted(idea, plain)) == plain);
    }
  }
}

TEST_CASE("IDEA: bytes after the blocks are not touched") {
  const Idea idea{SessionKey{}};
  for (std::size_t blocks = 0; blocks != 12; ++blocks) {
    std::string text(16 * Idea::block_size, 'x');
    const std::string behind = text.substr(blocks * Idea::block_size);
    idea.encrypt(text.data(), blocks);
    CHECK(text.substr(blocks * Idea::block_size) == behind);
  }
}
