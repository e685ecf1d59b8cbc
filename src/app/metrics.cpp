#include <lonc/app/metrics.hpp>

#include "metric_tables.hpp"

#include <prometheus/text_serializer.h>

#include <ostream>
#include <streambuf>
#include <utility>
#include <vector>

namespace lonc::app {

namespace {

// Appends to a string: the text of ten thousand peers is not copied about.
class AppendingBuffer final : public std::streambuf {
 public:
  explicit AppendingBuffer(std::string& out) : out_(out) {}

 private:
  int_type overflow(int_type c) override {
    if (c != traits_type::eof()) out_ += traits_type::to_char_type(c);
    return traits_type::not_eof(c);
  }
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    out_.append(text, static_cast<std::size_t>(size));
    return size;
  }

  std::string& out_;
};

}  // namespace

std::string render_metrics(const prometheus::Registry& registry, const Snapshot& snapshot) {
  constexpr std::size_t usual_size = 16 * 1024;
  constexpr std::size_t usual_size_of_peer = 3500;
  std::string text;
  text.reserve(usual_size + snapshot.peers.size() * usual_size_of_peer);
  AppendingBuffer buffer(text);
  std::ostream out(&buffer);
  const prometheus::TextSerializer serializer;
  serializer.Serialize(out, registry.Collect());
  serializer.Serialize(out, daemon_families(snapshot));
  // Family by family: all at once would take many times the memory of the text.
  std::vector<prometheus::MetricFamily> one(1);
  for (const PeerFamily& family : peer_families()) {
    one.front() = collect(family, snapshot);
    serializer.Serialize(out, one);
  }
  return text;
}

}  // namespace lonc::app
