// SPDX-License-Identifier: GPL-3.0-or-later
// Contents, manifests and signatures.
#include "release.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "dice.hpp"
#include "image/hash_tree.hpp"

namespace fwr::sim {
namespace {

constexpr std::size_t kBlock = image::kBlock_bytes;
constexpr std::int64_t kCreated = 1700000000;

/// Sizes where something changes: one byte, one block, one more; one tree block, two, three levels.
constexpr std::array<std::size_t, kContents> kSizes{
    1,
    63,
    64,
    100,
    4095,
    4096,
    4097,
    2 * kBlock,
    2 * kBlock + 1,
    3 * kBlock - 65,
    4 * kBlock,
    5 * kBlock + 17,
    5 * kBlock + 17,
    6 * kBlock,
    7 * kBlock,
    8 * kBlock,
    8 * kBlock,
    9 * kBlock + 2000,
    10 * kBlock,
    11 * kBlock,
    12 * kBlock + 1,
    12 * kBlock + 1,
    14 * kBlock,
    16 * kBlock,
    16 * kBlock,
    17 * kBlock,
    20 * kBlock,
    20 * kBlock,
    24 * kBlock + 99,
    24 * kBlock + 99,
    28 * kBlock,
    31 * kBlock,
    32 * kBlock,
    32 * kBlock,
    33 * kBlock,
    40 * kBlock,
    40 * kBlock,
    48 * kBlock,
    48 * kBlock,
    60 * kBlock,
    64 * kBlock,
    64 * kBlock,
    64 * kBlock,
    63 * kBlock + 1,
    // large
    127 * kBlock,
    128 * kBlock,
    129 * kBlock + 5,
    300 * kBlock,
};

Bytes make_bytes(std::size_t number) {
  // Pairs share their blocks but for one in four: an older and a newer build.
  const std::size_t family = number / 2;
  Dice family_dice(1000 + family);
  Dice own(9000 + number);
  Bytes bytes(kSizes.at(number));
  for (std::size_t at = 0; at < bytes.size(); at += kBlock) {
    const auto block = std::span(bytes).subspan(at, std::min(kBlock, bytes.size() - at));
    const std::uint64_t style = family_dice.below(8);
    const std::uint64_t block_seed = family_dice.next();
    if (style == 0) continue;  // zeros, as erased memory may have
    if (style == 1) {
      std::fill(block.begin(), block.end(), std::byte{0xff});
      continue;
    }
    Dice dice(own.chance(0.25) ? own.next() : block_seed);
    for (std::byte& byte : block) byte = static_cast<std::byte>(dice.next() >> 24U);
  }
  return bytes;
}

std::shared_ptr<const Content> make_content(std::size_t number) {
  auto made = std::make_shared<Content>();
  made->bytes = make_bytes(number);
  made->tree.resize(image::TreeShape(made->bytes.size()).tree_size_bytes());
  image::TreeBuilder builder(
      made->bytes.size(), [&](std::uint64_t block, ByteView bytes) -> Result<> {
        std::memcpy(made->tree.data() + block * kBlock, bytes.data(), bytes.size());
        return {};
      });
  if (builder.add(made->bytes))
    if (const auto digest = builder.finish()) made->digest = *digest;
  return made;
}

std::array<std::shared_ptr<const Content>, kContents>& made_contents() {
  static std::array<std::shared_ptr<const Content>, kContents> made;
  return made;
}

}  // namespace

std::shared_ptr<const Content> content(std::size_t number) {
  auto& found = made_contents().at(number);
  if (!found) found = make_content(number);
  return found;
}

const Content* find_content(const Digest& digest) {
  for (const auto& made : made_contents())
    if (made && made->digest == digest) return made.get();
  return nullptr;
}

bool is_part_of_a_tree(std::uint64_t offset, ByteView bytes) {
  return std::ranges::any_of(made_contents(), [&](const auto& made) {
    return made && offset + bytes.size() <= made->tree.size() &&
           std::equal(bytes.begin(), bytes.end(),
                      made->tree.begin() + static_cast<std::ptrdiff_t>(offset));
  });
}

const test::TestSigner& signer(std::uint8_t key) {
  static const test::TestSigner kTrusted(kTrustedKey);
  static const test::TestSigner kAttacker(kAttackersKey);
  return key == kTrustedKey ? kTrusted : kAttacker;
}

Release make_release(const ReleaseSpec& spec) {
  Release made{.spec = spec, .content = content(spec.content), .entry = {}};
  image::Manifest& manifest = made.entry.manifest;
  manifest.name = "simulated firmware";
  manifest.component = "bmc";
  manifest.version = spec.version;
  manifest.security_version = spec.security;
  manifest.size_bytes = made.content->bytes.size();
  manifest.digest = made.content->digest;
  manifest.platforms.emplace_back().manufacturer_id = spec.manufacturer;
  manifest.created = kCreated;
  if (spec.expires != 0) manifest.expires = spec.expires;
  if (!spec.minimum.empty()) manifest.minimum_version = spec.minimum;
  made.entry.manifest_json = image::to_json(manifest);
  made.entry.signature = signer(spec.key).sign(made.entry.manifest_json);
  return made;
}

Digest digest_of(ByteView bytes, std::uint64_t size) {
  image::TreeBuilder builder(size, image::TreeBuilder::Emit{});
  const auto added = builder.add(bytes.first(std::min<std::size_t>(bytes.size(), size)));
  const auto digest = builder.finish();
  return added && digest ? *digest : Digest{};
}

}  // namespace fwr::sim
