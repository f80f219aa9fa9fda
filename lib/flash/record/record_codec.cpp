// SPDX-License-Identifier: GPL-3.0-or-later
// One copy of the state record as bytes. PROTOCOL §7.4.
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>

#include "flash/record/boot_record.hpp"
#include "image/manifest.hpp"

namespace fwr::flash {
namespace {

using nlohmann::json;

constexpr std::string_view kMagic = "FWRSTATE";
constexpr std::uint32_t kFormat = 2;
/// Without the version, the time and the images that failed. Read, never written.
constexpr std::uint32_t kFirstFormat = 1;
constexpr std::size_t kHeader_bytes = 8 + 4 + 8 + 4;
constexpr std::size_t kHash_bytes = 32;
constexpr std::size_t kPayloadLimit_bytes = kRecordCopy_bytes - kHeader_bytes - kHash_bytes;

using Hash = std::array<std::byte, kHash_bytes>;

Result<Hash> sha256(ByteView bytes) {
  Hash hash{};
  unsigned int length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(hash.data()), &length,
                 EVP_sha256(), nullptr) != 1 ||
      length != hash.size())
    return fail(Errc::Internal, "SHA-256 is not available in this OpenSSL");
  return hash;
}

// Manifest and signature travel in base64: a signature has a comment that is not signed, and
// whatever bytes a donor puts there must come back as they were, in a bounded number of bytes.
std::string to_base64(std::string_view text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

std::optional<std::string> from_base64(const std::string& text) {
  if (text.size() > kPayloadLimit_bytes || text.size() % 4 != 0) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  // OpenSSL counts the padding as zero bytes.
  const auto padding = std::min<std::ptrdiff_t>(std::count(text.begin(), text.end(), '='), 2);
  out.resize(static_cast<std::size_t>(length - padding));
  if (to_base64(out) != text) return std::nullopt;
  return out;
}

json slot_to_json(const SlotInfo& slot) {
  return {{"state", to_text(slot.state)},
          {"manifest", to_base64(slot.manifest)},
          {"signature", to_base64(slot.signature)}};
}

json failed_to_json(const FailedImage& image) {
  return {{"digest", fwr::to_text(image.digest)},
          {"reason", to_text(image.reason)},
          {"version", image.version},
          {"when", image.when}};
}

json to_json(const BootRecord& record) {
  json failed = json::array();
  for (const FailedImage& image : record.failed) failed.push_back(failed_to_json(image));
  json payload = {
      {"active", to_text(record.active)},
      {"failed", std::move(failed)},
      {"floor", record.security_floor},
      {"time", record.newest_time},
      {"version", record.confirmed_version},
      {"slots",
       {{"a", slot_to_json(record.slot(SlotId::A))}, {"b", slot_to_json(record.slot(SlotId::B))}}}};
  if (record.trial)
    payload["trial"] = {{"previous", to_text(record.trial->previous)},
                        {"began", record.trial->began},
                        {"limit", record.trial->limit_s}};
  return payload;
}

/// Picks members out of a JSON object and remembers the first that is not as it must be.
class Fields {
 public:
  explicit Fields(const json& object, std::string where)
      : object_(object), where_(std::move(where)) {}

  std::string text(const char* key) {
    const json* member = find(key);
    if (member != nullptr && member->is_string()) return member->get<std::string>();
    return wrong(key), std::string();
  }
  std::int64_t number(const char* key, std::int64_t highest) {
    const json* member = find(key);
    if (member != nullptr && member->is_number_unsigned() &&
        member->get<std::uint64_t>() <= static_cast<std::uint64_t>(highest))
      return member->get<std::int64_t>();
    return wrong(key), 0;
  }
  SlotId slot(const char* key) {
    const std::string name = text(key);
    if (name == to_text(SlotId::A)) return SlotId::A;
    if (name == to_text(SlotId::B)) return SlotId::B;
    return wrong(key), SlotId::A;
  }
  SlotState state(const char* key) {
    const std::string name = text(key);
    for (const SlotState state : {SlotState::Empty, SlotState::Writing, SlotState::Verified,
                                  SlotState::Trial, SlotState::Good, SlotState::Bad})
      if (name == to_text(state)) return state;
    return wrong(key), SlotState::Empty;
  }
  FailureReason reason(const char* key) {
    const std::string name = text(key);
    for (const FailureReason reason :
         {FailureReason::RolledBack, FailureReason::TrialRanOut, FailureReason::Unhealthy})
      if (name == to_text(reason)) return reason;
    return wrong(key), FailureReason::RolledBack;
  }
  Digest digest(const char* key) {
    if (const auto digest = parse_digest(text(key))) return *digest;
    return wrong(key), Digest{};
  }
  const json& array(const char* key) {
    static const json kNothing = json::array();
    const json* member = find(key);
    if (member != nullptr && member->is_array()) return *member;
    return wrong(key), kNothing;
  }
  std::string base64(const char* key) {
    if (auto bytes = from_base64(text(key))) return *std::move(bytes);
    return wrong(key), std::string();
  }
  const json& object(const char* key) {
    static const json kNothing = json::object();
    const json* member = find(key);
    if (member != nullptr && member->is_object()) return *member;
    return wrong(key), kNothing;
  }
  [[nodiscard]] bool has(const char* key) const { return find(key) != nullptr; }
  [[nodiscard]] const std::optional<std::string>& first_wrong() const { return wrong_; }

 private:
  [[nodiscard]] const json* find(const char* key) const {
    const auto member = object_.find(key);
    return member == object_.end() ? nullptr : &*member;
  }
  void wrong(const char* key) {
    if (!wrong_) wrong_ = where_ + key + " is missing or has a wrong value";
  }

  const json& object_;
  std::string where_;
  std::optional<std::string> wrong_;
};

std::optional<std::string> read_slot(const json& object, SlotId id, SlotInfo& out) {
  Fields fields(object, "slot " + std::string(to_text(id)) + ": ");
  out.state = fields.state("state");
  out.manifest = fields.base64("manifest");
  out.signature = fields.base64("signature");
  return fields.first_wrong();
}

std::optional<std::string> read_trial(const json& object, Trial& out) {
  Fields fields(object, "trial: ");
  out.previous = fields.slot("previous");
  out.began = fields.number("began", INT64_MAX);
  out.limit_s = static_cast<std::uint32_t>(fields.number("limit", UINT32_MAX));
  return fields.first_wrong();
}

std::optional<std::string> read_failed(const json& array, std::vector<FailedImage>& out) {
  if (array.size() > kFailedImages) return "failed: more than 16 images";
  for (const json& object : array) {
    if (!object.is_object()) return "failed: has what is not an object";
    Fields fields(object, "failed: ");
    FailedImage image;
    image.digest = fields.digest("digest");
    image.version = fields.text("version");
    image.when = fields.number("when", image::kTimeLimit_s);
    image.reason = fields.reason("reason");
    if (fields.first_wrong()) return fields.first_wrong();
    out.push_back(std::move(image));
  }
  return std::nullopt;
}

/// What the first format did not say, as far as the manifests in it do: each was verified before it
/// came into the record.
void complete_first_format(BootRecord& record) {
  if (record.trial && record.trial->began <= image::kTimeLimit_s)
    record.newest_time = record.trial->began;
  for (const SlotInfo& slot : record.slots)
    if (const auto manifest = image::parse_manifest(slot.manifest))
      record.newest_time = std::max(record.newest_time, manifest->created);
  // What ran before a trial is the last that was confirmed.
  const SlotInfo& active = record.slot(record.active);
  const SlotInfo& confirmed = record.trial ? record.slot(record.trial->previous) : active;
  if (confirmed.state != SlotState::Good && confirmed.state != SlotState::Bad) return;
  if (const auto manifest = image::parse_manifest(confirmed.manifest))
    record.confirmed_version = manifest->version;
}

/// What is wrong with the payload, or nothing. Keys that a later version adds are ignored.
std::optional<std::string> read_payload(std::uint32_t format, std::string_view text,
                                        BootRecord& out) {
  const json payload = json::parse(text, nullptr, false);
  if (!payload.is_object()) return "the payload is not a JSON object";
  Fields fields(payload, "");
  out.active = fields.slot("active");
  out.security_floor = static_cast<std::uint32_t>(fields.number("floor", UINT32_MAX));
  const json& slots_object = fields.object("slots");
  Fields slots(slots_object, "slots: ");
  for (const SlotId id : {SlotId::A, SlotId::B}) {
    const json& object = slots.object(id == SlotId::A ? "a" : "b");
    if (slots.first_wrong()) return slots.first_wrong();
    if (auto wrong = read_slot(object, id, out.slot(id))) return wrong;
  }
  if (fields.has("trial"))
    if (auto wrong = read_trial(fields.object("trial"), out.trial.emplace())) return wrong;
  if (format == kFirstFormat) {
    complete_first_format(out);
    return fields.first_wrong();
  }
  out.confirmed_version = fields.text("version");
  out.newest_time = fields.number("time", image::kTimeLimit_s);
  if (auto wrong = read_failed(fields.array("failed"), out.failed)) return wrong;
  return fields.first_wrong();
}

/// What every format has in common, so that a torn copy differs from one that is only unknown.
struct Frame {
  std::uint32_t format = 0;
  std::uint64_t generation = 0;
  std::string_view payload;
};

/// Errors: CorruptState.
Result<Frame> open_frame(ByteView copy) {
  if (copy.size() != kRecordCopy_bytes)
    return fail(Errc::CorruptState, "a copy of " + std::to_string(copy.size()) + " bytes");
  ByteReader reader(copy);
  const std::string_view magic = as_text(reader.take(kMagic.size()));
  Frame frame;
  frame.format = reader.u32();
  frame.generation = reader.le<8>();
  const std::size_t length = reader.u32();
  if (magic != kMagic) {
    const bool blank =
        std::all_of(copy.begin(), copy.end(), [](std::byte b) { return b == std::byte{0}; });
    return fail(Errc::CorruptState, blank ? "never written" : "does not begin with FWRSTATE");
  }
  if (length > kPayloadLimit_bytes)
    return fail(Errc::CorruptState, "a payload of " + std::to_string(length) + " bytes");
  frame.payload = as_text(reader.take(length));
  const auto hash = sha256(copy.first(kHeader_bytes + length));
  if (!hash) return tl::unexpected(hash.error());
  if (!equal_constant_time(*hash, reader.take(kHash_bytes)))
    return fail(Errc::CorruptState, "the hash does not match");
  return frame;
}

/// Errors: NewerState, CorruptState.
Result<BootRecord> understand(const Frame& frame) {
  if (frame.format != kFormat && frame.format != kFirstFormat)
    return fail(Errc::NewerState, "it has format " + std::to_string(frame.format) +
                                      ", and this version knows formats up to " +
                                      std::to_string(kFormat));
  BootRecord record;
  record.generation = frame.generation;
  if (const auto wrong = read_payload(frame.format, frame.payload, record))
    return fail(Errc::CorruptState, *wrong);
  if (const auto rule = broken_rule(record)) return fail(Errc::CorruptState, *rule);
  return record;
}

}  // namespace

Result<Bytes> encode_copy(const BootRecord& record) {
  if (const auto rule = broken_rule(record)) return fail(Errc::Internal, "state record: " + *rule);
  // Base64 needs four bytes for three, so what is too long now is far too long afterwards; this
  // also keeps lengths within OpenSSL's int.
  for (const SlotInfo& slot : record.slots)
    if (std::max(slot.manifest.size(), slot.signature.size()) > kPayloadLimit_bytes)
      return fail(Errc::LimitExceeded,
                  "manifest or signature of " +
                      std::to_string(std::max(slot.manifest.size(), slot.signature.size())) +
                      " bytes in the state record");
  const std::string payload = to_json(record).dump();
  if (payload.size() > kPayloadLimit_bytes)
    return fail(Errc::LimitExceeded, "the state record needs " + std::to_string(payload.size()) +
                                         " bytes and may have " +
                                         std::to_string(kPayloadLimit_bytes));
  ByteWriter writer(kRecordCopy_bytes);
  writer.bytes(as_bytes(kMagic));
  writer.u32(kFormat);
  writer.le<8>(record.generation);
  writer.u32(static_cast<std::uint32_t>(payload.size()));
  writer.bytes(as_bytes(payload));
  const auto hash = sha256(writer.view());
  if (!hash) return tl::unexpected(hash.error());
  writer.bytes(*hash);
  writer.zeros(kRecordCopy_bytes - writer.size());
  return std::move(writer).release();
}

Result<BootRecord> decode_copy(ByteView copy) {
  const auto frame = open_frame(copy);
  if (!frame) return tl::unexpected(frame.error());
  return understand(*frame);
}

Result<Chosen> choose_copy(ByteView copy0, ByteView copy1) {
  const std::array<Result<Frame>, kRecordCopies> frames{open_frame(copy0), open_frame(copy1)};
  if (!frames[0] && !frames[1])
    return fail(Errc::CorruptState,
                "copy 0: " + frames[0].error().detail + "; copy 1: " + frames[1].error().detail);
  const std::size_t copy =
      !frames[1] || (frames[0] && frames[0]->generation >= frames[1]->generation) ? 0 : 1;
  auto record = understand(*frames.at(copy));
  if (record) return Chosen{*std::move(record), copy};
  // The other copy tells of an earlier time: the active slot may have changed since.
  return fail(record.error().code, "copy " + std::to_string(copy) + ": " + record.error().detail);
}

}  // namespace fwr::flash
