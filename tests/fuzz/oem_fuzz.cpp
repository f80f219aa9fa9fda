// SPDX-License-Identifier: GPL-3.0-or-later
// Fuzzes what the OEM commands in FreeIPMI's idiom make of a donor's answers: `fwdiag` as a whole,
// and the commands one by one. The network below libfreeipmi is replaced by the input.
//
// Two decoders read the same bytes: what wire/ accepts, the C form accepts with the same values. It
// is more lenient in one thing: an unknown role or a text with odd characters is shown, not
// refused.
#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "oem/donor_query.h"
#include "oem/ipmi-oem-fwrecover.h"
#include "wire/oem.hpp"

namespace fwr::fuzz {
namespace {

namespace oem = wire::oem;

constexpr std::uint32_t kIana = 32473;

/// What ipmi_cmd() below answers, and what it was asked.
struct Donor {
  Input* in = nullptr;
  std::vector<Bytes> answers;  ///< after the command byte: completion code, IANA number, fields
  std::vector<bool> fitted;    ///< not longer than libfreeipmi takes
};
Donor& donor() {
  static Donor one;
  return one;
}

/// A good answer's head in front of the input's bytes, or the input's bytes alone.
Bytes any_answer(Input& in) {
  Bytes answer;
  if (!in.flag()) answer = {std::byte{0}, std::byte{0xd9}, std::byte{0x7e}, std::byte{0}};
  const ByteView rest = in.bytes();
  answer.insert(answer.end(), rest.begin(), rest.end());
  return answer;
}

int answer(fiid_obj_t request, fiid_obj_t response) {
  std::array<std::uint8_t, 2048> asked{};
  const int size = fiid_obj_get_all(request, asked.data(), asked.size());
  require(size >= 4, "a request has a command and our IANA number");
  require(oem::find_command(asked[0]) != nullptr, "a request is one of ours");
  Bytes bytes{static_cast<std::byte>(asked[0])};
  donor().answers.push_back(any_answer(*donor().in));
  bytes.insert(bytes.end(), donor().answers.back().begin(), donor().answers.back().end());
  (void)fiid_obj_clear(response);
  const bool fits =
      fiid_obj_set_all(response, bytes.data(), static_cast<unsigned int>(bytes.size())) >= 0;
  donor().fitted.push_back(fits);
  return fits ? 0 : -1;
}

/// The fields of answer `n` as wire/ reads them; nothing when it refuses them.
template <class Message>
std::optional<Message> read(std::size_t n) {
  if (n >= donor().answers.size() || !donor().fitted.at(n)) return std::nullopt;
  const ByteView answer = donor().answers.at(n);
  if (answer.empty() || answer.front() != std::byte{0}) return std::nullopt;
  const auto body = oem::strip_iana(kIana, answer.subspan(1));
  if (!body) return std::nullopt;
  const auto message = wire::decode<Message>(*body);
  return message ? std::optional(*message) : std::nullopt;
}

template <std::size_t N, class Other>
bool same_bytes(const unsigned char (&c)[N], const Other& other) {
  return std::equal(std::begin(c), std::end(c), other.begin(), other.end(),
                    [](unsigned char a, std::byte b) { return std::byte{a} == b; });
}

void require_text(const char* text, std::size_t limit) {
  const std::string_view shown(text);
  require(shown.size() <= limit, "a text ends");
  require(std::all_of(shown.begin(), shown.end(), [](char c) { return c >= ' ' && c <= '~'; }),
          "what is printed is printable");
}

void query(Input& in) {
  FwrDonorAccess access{};
  access.size = sizeof access;
  access.host = "127.0.0.1";
  access.privilege_level = 2;
  access.cipher_suite_id = 17;
  access.iana = kIana;
  FwrDonorPlatform platform{};
  std::fill(std::begin(platform.nonce), std::end(platform.nonce), in.u8());
  platform.size = sizeof platform;
  platform.component = "bmc";
  const bool with_offer = in.flag();
  trace(with_offer ? "query-with-offer" : "query");
  FwrDonorAnswer got{};
  got.size = sizeof got;
  FwrDonorError error{};
  error.size = sizeof error;
  const int result = fwr_donor_query(&access, with_offer ? &platform : nullptr, &got, &error);
  const auto capabilities = read<oem::CapabilitiesRs>(0);
  const auto status = read<oem::DonorStatusRs>(1);
  const auto offer = read<oem::Offer>(2);
  require(result == 0 || error.code != FWR_DONOR_OK, "an error has a code");
  require(result == 0 || error.text[0] != '\0', "an error has a text");
  require_text(got.status.name, 32);
  require_text(got.offer.image_version, 32);
  require_text(got.offer.component, 16);
  const bool same_nonce = offer && same_bytes(platform.nonce, offer->nonce);
  if (capabilities && status && (!with_offer || same_nonce))
    require(result == 0, "what is right is accepted");
  if (result != 0) return;
  require(donor().answers.size() == (with_offer ? 3U : 2U), "every command was asked once");
  if (capabilities)
    require(got.capabilities.version == capabilities->version &&
                got.capabilities.media == capabilities->media &&
                got.capabilities.read_limit == capabilities->read_limit_bytes &&
                got.capabilities.credit_limit == capabilities->credit_limit_bytes &&
                got.capabilities.lease_limit == capabilities->lease_limit,
            "both decoders read the same: capabilities");
  if (status)
    require(got.status.load == status->load_percent && same_bytes(got.status.guid, status->donor) &&
                got.status.images == status->images && got.status.uptime == status->uptime_s &&
                got.status.bytes_served == status->bytes_served && got.status.name == status->name,
            "both decoders read the same: status");
  if (with_offer && offer && got.offer_code == 0)
    require(same_nonce && got.offer.size == offer->size_bytes &&
                same_bytes(got.offer.digest, offer->digest) &&
                same_bytes(got.offer.token, offer->token) && got.offer.hold == offer->hold_s &&
                got.offer.image_version == offer->image_version &&
                got.offer.component == offer->component,
            "both decoders read the same: offer");
}

/// One command whose answer has data of any length.
void one_command(Input& in) {
  ipmi_ctx_t ctx = ipmi_ctx_create();
  require(ctx != nullptr, "a context");
  const Digest digest{};
  const bool manifest = in.flag();
  trace(manifest ? "manifest" : "image");
  fiid_obj_t rs = fiid_obj_create(manifest ? tmpl_cmd_oem_fwrecover_get_manifest_rs
                                           : tmpl_cmd_oem_fwrecover_read_image_rs);
  const std::uint32_t handle = in.u32();
  const std::uint16_t count = in.u16();
  const int result =
      manifest ? ipmi_cmd_oem_fwrecover_get_manifest(ctx, kIana, digest.data(), 0, 0, count, rs)
               : ipmi_cmd_oem_fwrecover_read_image(ctx, kIana, handle, handle, count, rs);
  std::uint16_t seconds = 0;
  (void)ipmi_cmd_oem_fwrecover_retry_after(rs, &seconds);
  std::array<unsigned char, IPMI_OEM_FWRECOVER_READ_MAX> data{};
  const int size = fiid_obj_get_data(rs, "data", data.data(), data.size());
  const auto same = [&](Bytes expected) {
    expected.resize(std::min(expected.size(), data.size()));
    return result == 0 && size == static_cast<int>(expected.size()) &&
           std::equal(expected.begin(), expected.end(), data.begin(),
                      [](std::byte a, unsigned char b) { return a == std::byte{b}; });
  };
  if (const auto piece = read<oem::GetManifestRs>(0); manifest && piece)
    require(same(piece->data), "both decoders read the same: manifest");
  if (const auto piece = read<oem::ReadRs>(0); !manifest && piece)
    require(same(piece->data), "both decoders read the same: image");
  fiid_obj_destroy(rs);
  ipmi_ctx_destroy(ctx);
}

}  // namespace
}  // namespace fwr::fuzz

// In place of libfreeipmi's: nothing here goes to a network.
extern "C" int ipmi_ctx_open_outofband_2_0(ipmi_ctx_t, const char*, const char*, const char*,
                                           const unsigned char*, unsigned int, std::uint8_t,
                                           std::uint8_t, unsigned int, unsigned int, unsigned int,
                                           unsigned int) {
  return 0;
}
extern "C" int ipmi_cmd(ipmi_ctx_t, std::uint8_t, std::uint8_t, fiid_obj_t request,
                        fiid_obj_t response) {
  return fwr::fuzz::answer(request, response);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fwr::fuzz;
  Input in(data, size);
  donor() = Donor{&in, {}, {}};
  if (in.flag())
    one_command(in);
  else
    query(in);
  return 0;
}
