// SPDX-License-Identifier: GPL-3.0-or-later
// Fuzzes the state record: its copies as bytes, the choice between two of them, the changes that it
// may see, and the history.
//
// encode(decode(copy)) need not be the copy: keys in another order and unknown keys are allowed and
// ignored (PROTOCOL §7.4), so the fixed point is checked.
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "flash/record/boot_record.hpp"
#include "flash/record/history_file.hpp"
#include "flash/record/state_file.hpp"
#include "flash/slots_file.hpp"
#include "fuzz.hpp"
#include "image/manifest.hpp"

namespace fwr::fuzz {
namespace {

using namespace flash;

/// The frame of a copy around any payload, with the right hash: magic, format, generation, length.
/// The highest bit of the generation chooses the format.
Bytes framed(std::uint64_t generation, ByteView payload) {
  constexpr unsigned kHighestBit = 63;
  ByteWriter out(kRecordCopy_bytes);
  out.bytes(as_bytes("FWRSTATE"));
  out.u32(generation >> kHighestBit == 0 ? 1 : 2);
  out.le<8>(generation);
  const ByteView fits = payload.first(std::min<std::size_t>(payload.size(), 60000));
  out.u32(static_cast<std::uint32_t>(fits.size()));
  out.bytes(fits);
  std::array<std::byte, 32> hash{};
  EVP_Digest(out.view().data(), out.size(), reinterpret_cast<unsigned char*>(hash.data()), nullptr,
             EVP_sha256(), nullptr);
  out.bytes(hash);
  out.zeros(kRecordCopy_bytes - out.size());
  return std::move(out).release();
}

Bytes padded(ByteView bytes) {
  Bytes copy = exact(bytes.first(std::min(bytes.size(), kRecordCopy_bytes)));
  copy.resize(kRecordCopy_bytes);
  return copy;
}

void require_codec(ByteView copy) {
  const auto record = decode_copy(copy);
  if (!record) {
    const Errc code = record.error().code;
    require(code == Errc::CorruptState || code == Errc::NewerState, "the code of a refusal");
    require(!record.error().detail.empty(), "the reason of a refusal");
    return;
  }
  require(!broken_rule(*record), "a record that is read holds the rules");
  const auto written = encode_copy(*record);
  // Base64 makes texts longer: what fits as it came may be too long when every byte is.
  if (!written) return require(written.error().code == Errc::LimitExceeded, "it can be written");
  const auto again = decode_copy(*written);
  require(again && *again == *record, "decode(encode(x)) == x: state record");
  require_fixed_point(
      [](ByteView bytes) -> std::optional<Bytes> {
        const auto read = decode_copy(bytes);
        if (!read) return std::nullopt;
        return encode_copy(*read).value_or(Bytes{});
      },
      copy);
}

SlotState slot_state(Input& in) {
  return static_cast<SlotState>(in.below(6));
}

BootRecord any_record(Input& in) {
  BootRecord record;
  record.generation = in.u64();
  record.active = in.flag() ? SlotId::B : SlotId::A;
  record.security_floor = in.u32();
  for (SlotInfo& slot : record.slots) {
    slot.state = slot_state(in);
    slot.manifest = as_text(in.bytes());
    slot.signature = as_text(in.bytes());
  }
  if (in.flag())
    record.trial =
        Trial{in.flag() ? SlotId::B : SlotId::A, static_cast<std::int64_t>(in.u64()), in.u32()};
  if (!in.flag()) return record;
  record.confirmed_version = as_text(in.bytes());
  record.newest_time = static_cast<std::int64_t>(in.u64());
  for (std::size_t left = in.below(kFailedImages + 2); left > 0; --left) {
    FailedImage image;
    image.digest.fill(static_cast<std::byte>(in.u8()));
    image.version = as_text(in.bytes());
    image.when = static_cast<std::int64_t>(in.u64());
    image.reason = static_cast<FailureReason>(in.below(3));
    record.failed.push_back(image);
  }
  return record;
}

void from_fields(Input& in) {
  const BootRecord record = any_record(in);
  const auto copy = encode_copy(record);
  require(copy.has_value() == !broken_rule(record) ||
              (!copy && copy.error().code == Errc::LimitExceeded),
          "a record is written when it holds the rules");
  if (!copy) return;
  require(copy->size() == kRecordCopy_bytes, "the size of a copy");
  const auto read = decode_copy(*copy);
  require(read && *read == record, "decode(encode(x)) == x: state record");
}

/// The older copy is torn in any way: the newer one still counts (PROTOCOL §7.4).
void two_copies(Input& in) {
  BootRecord older = any_record(in);
  older.generation %= 1000;
  if (broken_rule(older)) return;
  BootRecord newer = mark_bad(older, other(older.active));
  const auto old_copy = encode_copy(older);
  const auto new_copy = encode_copy(newer);
  if (!old_copy || !new_copy) return;
  Bytes torn = *old_copy;
  const std::size_t at = in.u16();
  const ByteView damage = in.bytes();
  std::copy_n(damage.begin(), std::min(damage.size(), torn.size() - at),
              torn.begin() + static_cast<std::ptrdiff_t>(at));
  const auto chosen = in.flag() ? choose_copy(torn, *new_copy) : choose_copy(*new_copy, torn);
  require(chosen && chosen->record == newer, "an interrupted write leaves the other copy");
  const auto both_gone = choose_copy(torn, padded(damage));
  require(!both_gone || both_gone->record == older, "half of a record is none");
}

std::string manifest_of(unsigned number) {
  image::Manifest manifest;
  manifest.name = "Firmware";
  manifest.component = "bmc";
  manifest.version = std::to_string(number);
  manifest.size_bytes = 1;
  manifest.digest.fill(static_cast<std::byte>(number));
  manifest.platforms.emplace_back();
  manifest.created = 1000 + number;
  return to_json(manifest);
}

enum class Change : std::uint8_t {
  BeginWriting,
  MarkVerified,
  MarkBad,
  Activate,
  Confirm,
  RollBack
};
constexpr std::array<NamedAction<Change>, 6> kChanges{{
    {Change::BeginWriting, "begin-writing"},
    {Change::MarkVerified, "mark-verified"},
    {Change::MarkBad, "mark-bad"},
    {Change::Activate, "activate"},
    {Change::Confirm, "confirm"},
    {Change::RollBack, "roll-back"},
}};

/// The changes of a life, in any order: what they promise holds after each.
void changes(Input& in) {
  BootRecord record;
  for (unsigned steps = 0; steps < 200 && !in.ended(); ++steps) {
    const BootRecord before = record;
    const SlotState target = before.slot(other(before.active)).state;
    bool done = true;
    const auto take = [&](const Result<BootRecord>& next) {
      done = next.has_value();
      if (done) record = *next;
    };
    const Change change = draw_action(in, kChanges);
    switch (change) {
      case Change::BeginWriting: take(begin_writing(before, manifest_of(steps), "s")); break;
      case Change::MarkVerified: take(mark_verified(before)); break;
      case Change::MarkBad: take(mark_bad(before, in.flag() ? SlotId::A : SlotId::B)); break;
      case Change::Activate:
        take(activate(before, static_cast<std::int64_t>(in.u64()), in.u8()));
        break;
      case Change::Confirm: take(confirm(before, in.u8())); break;
      case Change::RollBack: take(roll_back(before, {FailureReason::RolledBack, steps})); break;
    }
    require(!broken_rule(record), "every change keeps the rules");
    if (!done) continue;
    require(record.generation == before.generation + 1, "every change is a new generation");
    require(record.security_floor >= before.security_floor, "the security floor never falls");
    require(record.newest_time >= before.newest_time, "the newest time never falls");
    require(record.failed.size() + 1 >= before.failed.size(), "one change forgets one failure");
    if (record.active != before.active)
      require(target == SlotState::Verified || target == SlotState::Good,
              "only a verified or a confirmed image becomes active");
    const SlotInfo& kept = record.slot(before.active);
    require(kept.manifest == before.slot(before.active).manifest,
            "what the active slot holds is not given away");
    (void)trial_expired(record, static_cast<std::int64_t>(in.u8()));
    const auto copy = encode_copy(record);
    const auto read = copy ? decode_copy(*copy) : Result<BootRecord>(record);
    require(read && *read == record, "every record can be written and read");
  }
}

/// A directory in memory where there is one; it goes with the process.
const std::string& directory() {
  static const struct Made {
    std::string path;
    Made() {
      path = (std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp");
      path += "/fwr-fuzz-XXXXXX";
      require(mkdtemp(path.data()) != nullptr, "a directory");
    }
    ~Made() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
    Made(const Made&) = delete;
    Made& operator=(const Made&) = delete;
  } kMade;
  return kMade.path;
}

void write_file(const std::string& name, ByteView content) {
  std::ofstream file(directory() + "/" + name, std::ios::binary | std::ios::trunc);
  const std::string_view text = as_text(content);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
}

void history(Input& in) {
  const std::string line = in.flag() ? R"({"n":1})" : std::string(as_text(in.bytes()));
  write_file("history.jsonl", in.rest());
  const auto before = read_history(directory());
  require(before.has_value() && before->size() <= kHistoryLines, "any file can be read");
  const bool appended = append_history(directory(), line).has_value();
  const auto after = read_history(directory());
  require(after.has_value(), "the file can be read afterwards");
  if (!appended) return require(*after == *before, "a line that is refused changes nothing");
  require(!after->empty() && after->back() == line, "the line that was added is the last");
  const auto room = static_cast<std::ptrdiff_t>(std::min(before->size(), kHistoryLines - 1));
  require(
      std::equal(after->end() - 1 - room, after->end() - 1, before->end() - room, before->end()),
      "the lines that were there stay");
}

/// Both copies in their file, whatever is in it, and a new record over them.
void state_file(Input& in) {
  const bool hashed = in.flag();
  const Bytes first = hashed ? framed(in.u8(), in.bytes()) : padded(in.bytes());
  const Bytes second = hashed ? framed(in.u8(), in.bytes()) : padded(in.bytes());
  Bytes both = first;
  both.insert(both.end(), second.begin(), second.end());
  if (in.flag()) both.resize(in.u32() % (both.size() + 2));  // cut short
  write_file("state", both);
  StateFile file(directory());
  const auto loaded = file.load();
  if (!loaded) {
    require(!loaded.error().detail.empty(), "the reason of a refusal");
    return;
  }
  BootRecord next = mark_bad(*loaded, other(loaded->active));
  if (next.generation == 0) return;  // the last of 2^64 generations
  const auto stored = file.store(next);
  if (!stored) return;
  const auto again = file.load();
  require(again && *again == next, "what was stored counts");
}

enum class InputKind : std::uint8_t {
  Bytes,
  FramedBytes,
  Fields,
  TwoCopies,
  History,
  StateFile,
  Changes
};
constexpr std::array<NamedAction<InputKind>, 8> kInputKinds{{
    {InputKind::Bytes, "bytes"},
    {InputKind::FramedBytes, "framed-bytes"},
    {InputKind::Fields, "fields"},
    {InputKind::TwoCopies, "two-copies"},
    {InputKind::History, "history"},
    {InputKind::StateFile, "state-file"},
    {InputKind::Changes, "changes"},
    {InputKind::Changes, "changes"},
}};

}  // namespace
}  // namespace fwr::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fwr::fuzz;
  Input in(data, size);
  switch (draw_action(in, kInputKinds)) {
    case InputKind::Bytes: require_codec(padded(in.rest())); break;
    case InputKind::FramedBytes: {
      const std::uint64_t generation = in.u64();
      require_codec(framed(generation, in.rest()));
      break;
    }
    case InputKind::Fields: from_fields(in); break;
    case InputKind::TwoCopies: two_copies(in); break;
    case InputKind::History: history(in); break;
    case InputKind::StateFile: state_file(in); break;
    case InputKind::Changes: changes(in); break;
  }
  return 0;
}
