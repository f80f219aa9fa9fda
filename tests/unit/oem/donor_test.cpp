// SPDX-License-Identifier: GPL-3.0-or-later
// The OEM commands over an ipmi_ctx_t against the real donor machine: a C program's recovery.
#include <cerrno>
#include <cstring>

#include "donor_query_fixture.hpp"
#include "oem/ipmi-oem-fwrecover.h"
#include "support/donor_fixture.hpp"
#include "support/freeipmi_fixture.hpp"

namespace fwr::test {
namespace {

constexpr std::size_t kImage_bytes = 3 * 4096 + 100;
constexpr unsigned kSessionTimeout_ms = 5000;
constexpr unsigned kRetransmission_ms = 500;
constexpr const char* kPassword = "a secret of 20 bytes";

class OemDonor : public ::testing::Test {
 public:
  OemDonor(const OemDonor&) = delete;
  OemDonor& operator=(const OemDonor&) = delete;
  ~OemDonor() override {
    ipmi_ctx_close(ctx_);
    ipmi_ctx_destroy(ctx_);
  }

 protected:
  explicit OemDonor(DonorConfig config = bench_config())
      : manifest_(catalogue_.add(kImage_bytes, 1)),
        donor_(std::move(config), catalogue_, random_, std::chrono::steady_clock::now()),
        server_(accounts(), kIana, donor_),
        ctx_(ipmi_ctx_create()) {
    random_.fill(nonce_);
  }
  void SetUp() override {
    ASSERT_EQ(0, ipmi_ctx_open_outofband_2_0(ctx_, server_.host(), "recipient", kPassword, nullptr,
                                             0, IPMI_PRIVILEGE_LEVEL_USER, 17, kSessionTimeout_ms,
                                             kRetransmission_ms, IPMI_WORKAROUND_FLAGS_DEFAULT,
                                             IPMI_FLAGS_DEFAULT))
        << ipmi_ctx_errormsg(ctx_);
  }
  static session::ServerConfig accounts() {
    session::ServerConfig config;
    config.accounts = {
        {"recipient", Secret(as_bytes(std::string_view(kPassword))), wire::Privilege::User}};
    return config;
  }

  /// The call went well.
  void expect_done(int result, const FiidObject& rs) {
    std::uint64_t code = 0;
    fiid_obj_get(rs.get(), "comp_code", &code);
    EXPECT_EQ(0, result) << std::strerror(errno) << ", " << ipmi_ctx_errormsg(ctx_) << ", code "
                         << code;
  }
  /// The donor refused with this completion code.
  static void expect_refused(int result, int completion_code, const FiidObject& rs) {
    EXPECT_EQ(-1, result);
    EXPECT_EQ(EREMOTEIO, errno);
    EXPECT_EQ(1, ipmi_check_completion_code(rs.get(), static_cast<std::uint8_t>(completion_code)));
  }

  int request(const FiidObject& rs) {
    return ipmi_cmd_oem_fwrecover_request_firmware(ctx_, kIana, 1, 0, nonce_.data(), 0, 0, 0, 0,
                                                   "bmc", rs.get());
  }
  Bytes token() {
    const FiidObject offer = make_object(tmpl_cmd_oem_fwrecover_request_firmware_rs);
    expect_done(request(offer), offer);
    return data(offer, "token");
  }
  int accept(const Bytes& token, const FiidObject& rs) {
    return ipmi_cmd_oem_fwrecover_accept_offer(ctx_, kIana, nonce_.data(), manifest_.digest.data(),
                                               token.data(), rs.get());
  }
  std::uint32_t lease() {
    const FiidObject accepted = make_object(tmpl_cmd_oem_fwrecover_accept_offer_rs);
    expect_done(accept(token(), accepted), accepted);
    return static_cast<std::uint32_t>(number(accepted, "handle"));
  }
  std::string manifest_part(std::uint8_t part) {
    const FiidObject rs = make_object(tmpl_cmd_oem_fwrecover_get_manifest_rs);
    expect_done(ipmi_cmd_oem_fwrecover_get_manifest(ctx_, kIana, manifest_.digest.data(), part, 0,
                                                    900, rs.get()),
                rs);
    const Bytes bytes = data(rs, "data");
    EXPECT_EQ(bytes.size(), number(rs, "total"));
    return std::string(as_text(bytes));
  }
  /// The whole of an object, in reads of the largest size.
  template <class Read>
  Bytes read_all(Read read, fiid_field_t* tmpl, std::uint32_t handle, std::size_t size) {
    Bytes all;
    const FiidObject rs = make_object(tmpl);
    while (all.size() < size && !HasFailure()) {
      expect_done(read(ctx_, kIana, handle, all.size(), IPMI_OEM_FWRECOVER_READ_MAX, rs.get()), rs);
      const Bytes piece = data(rs, "data");
      EXPECT_FALSE(piece.empty());
      all.insert(all.end(), piece.begin(), piece.end());
    }
    return all;
  }

  RandomCatalogue catalogue_;
  image::Manifest manifest_;
  SeededRandom random_{7};
  Donor donor_;
  LoopbackServer server_;
  ipmi_ctx_t ctx_;
  Nonce nonce_{};
};

TEST_F(OemDonor, GivesAWholeImageToACProgram) {
  const FiidObject offer = make_object(tmpl_cmd_oem_fwrecover_request_firmware_rs);
  expect_done(request(offer), offer);
  EXPECT_EQ(to_hex(nonce_), to_hex(data(offer, "nonce")));
  EXPECT_EQ(to_hex(manifest_.digest), to_hex(data(offer, "digest")));
  EXPECT_EQ(manifest_.security_version, number(offer, "security_version"));
  EXPECT_EQ(kImage_bytes, number(offer, "size"));

  EXPECT_EQ(catalogue_.entry(0).manifest_json, manifest_part(IPMI_OEM_FWRECOVER_PART_MANIFEST));
  EXPECT_EQ(catalogue_.entry(0).signature, manifest_part(IPMI_OEM_FWRECOVER_PART_SIGNATURE));

  const FiidObject accepted = make_object(tmpl_cmd_oem_fwrecover_accept_offer_rs);
  expect_done(accept(data(offer, "token"), accepted), accepted);
  const auto handle = static_cast<std::uint32_t>(number(accepted, "handle"));
  EXPECT_EQ(kImage_bytes, number(accepted, "image_size"));
  const Bytes& tree = catalogue_.stored(0).tree;
  EXPECT_EQ(tree.size(), number(accepted, "tree_size"));
  EXPECT_EQ(tree, read_all(ipmi_cmd_oem_fwrecover_read_hash_tree,
                           tmpl_cmd_oem_fwrecover_read_hash_tree_rs, handle, tree.size()));
  EXPECT_EQ(catalogue_.stored(0).bytes,
            read_all(ipmi_cmd_oem_fwrecover_read_image, tmpl_cmd_oem_fwrecover_read_image_rs,
                     handle, kImage_bytes));

  const FiidObject reported = make_object(tmpl_cmd_oem_fwrecover_report_result_rs);
  expect_done(ipmi_cmd_oem_fwrecover_report_result(ctx_, kIana, handle, 0, "healthy again", 13,
                                                   reported.get()),
              reported);
  const FiidObject status = make_object(tmpl_cmd_oem_fwrecover_get_donor_status_rs);
  expect_done(ipmi_cmd_oem_fwrecover_get_donor_status(ctx_, kIana, status.get()), status);
  EXPECT_EQ(1U, number(status, "recovered"));
  EXPECT_EQ(0U, number(status, "leases"));
  EXPECT_EQ(kImage_bytes + tree.size(), number(status, "bytes_served"));
}

TEST_F(OemDonor, EndsTheLeaseThatIsReleased) {
  const std::uint32_t handle = lease();
  const FiidObject released = make_object(tmpl_cmd_oem_fwrecover_release_offer_rs);
  // Once more, because every command is idempotent (PROTOCOL §3).
  for (int i = 0; i < 2; ++i)
    expect_done(ipmi_cmd_oem_fwrecover_release_offer(ctx_, kIana, handle, released.get()),
                released);
  const FiidObject read = make_object(tmpl_cmd_oem_fwrecover_read_image_rs);
  expect_refused(ipmi_cmd_oem_fwrecover_read_image(ctx_, kIana, handle, 0, 1, read.get()),
                 IPMI_COMP_CODE_OEM_FWRECOVER_LEASE_ENDED, read);
}

TEST_F(OemDonor, RefusesWithTheCodesOfTheHeader) {
  const FiidObject accepted = make_object(tmpl_cmd_oem_fwrecover_accept_offer_rs);
  expect_refused(accept(Bytes(IPMI_OEM_FWRECOVER_TOKEN_LENGTH), accepted),
                 IPMI_COMP_CODE_OEM_FWRECOVER_OFFER_EXPIRED, accepted);
  const FiidObject manifest = make_object(tmpl_cmd_oem_fwrecover_get_manifest_rs);
  const Digest unknown{};
  expect_refused(
      ipmi_cmd_oem_fwrecover_get_manifest(ctx_, kIana, unknown.data(), 0, 0, 1, manifest.get()),
      IPMI_COMP_CODE_OEM_FWRECOVER_UNKNOWN_IMAGE, manifest);
  const std::uint32_t handle = lease();
  const FiidObject read = make_object(tmpl_cmd_oem_fwrecover_read_image_rs);
  expect_refused(
      ipmi_cmd_oem_fwrecover_read_image(ctx_, kIana, handle, kImage_bytes, 1, read.get()),
      IPMI_COMP_CODE_PARAMETER_OUT_OF_RANGE, read);
  const FiidObject offer = make_object(tmpl_cmd_oem_fwrecover_request_firmware_rs);
  expect_refused(ipmi_cmd_oem_fwrecover_request_firmware(ctx_, kIana, 1, 0, nonce_.data(), 0, 0, 0,
                                                         0, "bios", offer.get()),
                 IPMI_COMP_CODE_OEM_FWRECOVER_NO_COMPATIBLE_IMAGE, offer);
  expect_refused(ipmi_cmd_oem_fwrecover_request_firmware(ctx_, kIana, 0, 0, nonce_.data(), 0, 0, 0,
                                                         0, "bmc", offer.get()),
                 IPMI_COMP_CODE_OEM_FWRECOVER_VERSION_UNSUPPORTED, offer);
  const FiidObject status = make_object(tmpl_cmd_oem_fwrecover_get_donor_status_rs);
  expect_refused(ipmi_cmd_oem_fwrecover_get_donor_status(ctx_, kIana + 1, status.get()),
                 IPMI_COMP_CODE_INVALID_COMMAND, status);
}

class OemDonorWithOneLease : public OemDonor {
 protected:
  OemDonorWithOneLease() : OemDonor(one_lease()) {}
  static DonorConfig one_lease() {
    DonorConfig config = bench_config();
    config.leases = 1;
    return config;
  }
};

TEST_F(OemDonorWithOneLease, SaysWhenToAskAgain) {
  (void)lease();
  random_.fill(nonce_);
  const FiidObject accepted = make_object(tmpl_cmd_oem_fwrecover_accept_offer_rs);
  expect_refused(accept(token(), accepted), IPMI_COMP_CODE_OEM_FWRECOVER_BUSY, accepted);
  std::uint16_t seconds = 0;
  ASSERT_EQ(0, ipmi_cmd_oem_fwrecover_retry_after(accepted.get(), &seconds));
  EXPECT_GE(seconds, 1);
  EXPECT_LE(seconds, 60);  // the lease time
}

}  // namespace
}  // namespace fwr::test
