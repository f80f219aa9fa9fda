// SPDX-License-Identifier: GPL-3.0-or-later
// The OEM commands in FreeIPMI's idiom, byte for byte against the codecs of lib/wire.
#include <cerrno>

#include "fixture.hpp"

namespace fwr::test {
namespace {

using wire::oem::Command;

constexpr std::uint64_t kSeed = 20090715;
constexpr int kRounds = 200;

struct Empty {
  template <class Codec, class Self>
  static void layout(Codec&, Self&) {}
};

/// One direction of one command: its template and its message.
template <class M>
struct Direction {
  using Message = M;
  const char* name;
  fiid_field_t* tmpl;
  Command command;
};

/// Calls `check` with every request.
template <class Check>
void for_each_request(Check check) {
  using namespace wire::oem;
  check(Direction<CapabilitiesRq>{"Get Recovery Capabilities",
                                  tmpl_cmd_oem_fwrecover_get_recovery_capabilities_rq,
                                  Command::GetRecoveryCapabilities});
  check(Direction<RequestFirmwareRq>{"Request Firmware", tmpl_cmd_oem_fwrecover_request_firmware_rq,
                                     Command::RequestFirmware});
  check(Direction<GetManifestRq>{"Get Manifest", tmpl_cmd_oem_fwrecover_get_manifest_rq,
                                 Command::GetManifest});
  check(Direction<AcceptOfferRq>{"Accept Offer", tmpl_cmd_oem_fwrecover_accept_offer_rq,
                                 Command::AcceptOffer});
  check(Direction<ReleaseOfferRq>{"Release Offer", tmpl_cmd_oem_fwrecover_release_offer_rq,
                                  Command::ReleaseOffer});
  check(Direction<ReadRq>{"Read Hash Tree", tmpl_cmd_oem_fwrecover_read_hash_tree_rq,
                          Command::ReadHashTree});
  check(Direction<ReadRq>{"Read Image", tmpl_cmd_oem_fwrecover_read_image_rq, Command::ReadImage});
  check(Direction<ReportResultRq>{"Report Result", tmpl_cmd_oem_fwrecover_report_result_rq,
                                  Command::ReportResult});
  check(Direction<Empty>{"Get Donor Status", tmpl_cmd_oem_fwrecover_get_donor_status_rq,
                         Command::GetDonorStatus});
  check(Direction<ListImagesRq>{"List Images", tmpl_cmd_oem_fwrecover_list_images_rq,
                                Command::ListImages});
}

/// Calls `check` with every response.
template <class Check>
void for_each_response(Check check) {
  using namespace wire::oem;
  check(Direction<CapabilitiesRs>{"Get Recovery Capabilities",
                                  tmpl_cmd_oem_fwrecover_get_recovery_capabilities_rs,
                                  Command::GetRecoveryCapabilities});
  check(Direction<Offer>{"Request Firmware", tmpl_cmd_oem_fwrecover_request_firmware_rs,
                         Command::RequestFirmware});
  check(Direction<GetManifestRs>{"Get Manifest", tmpl_cmd_oem_fwrecover_get_manifest_rs,
                                 Command::GetManifest});
  check(Direction<AcceptOfferRs>{"Accept Offer", tmpl_cmd_oem_fwrecover_accept_offer_rs,
                                 Command::AcceptOffer});
  check(Direction<Empty>{"Release Offer", tmpl_cmd_oem_fwrecover_release_offer_rs,
                         Command::ReleaseOffer});
  check(Direction<ReadRs>{"Read Hash Tree", tmpl_cmd_oem_fwrecover_read_hash_tree_rs,
                          Command::ReadHashTree});
  check(Direction<ReadRs>{"Read Image", tmpl_cmd_oem_fwrecover_read_image_rs, Command::ReadImage});
  check(Direction<Empty>{"Report Result", tmpl_cmd_oem_fwrecover_report_result_rs,
                         Command::ReportResult});
  check(Direction<DonorStatusRs>{"Get Donor Status", tmpl_cmd_oem_fwrecover_get_donor_status_rs,
                                 Command::GetDonorStatus});
  check(Direction<ListImagesRs>{"List Images", tmpl_cmd_oem_fwrecover_list_images_rs,
                                Command::ListImages});
}

/// The rows of PROTOCOL's byte table that a template stands for.
std::vector<std::string> rows_of(const fiid_field_t* tmpl) {
  wire::LayoutTable table(1);
  for (const fiid_field_t* field = tmpl + 1; field->max_field_len != 0; ++field) {
    std::string name(field->key);
    if (name == "later_version") continue;
    std::replace(name.begin(), name.end(), '_', ' ');
    if (name == "comp code") name = "completion code";
    if ((field->flags & FIID_FIELD_LENGTH_VARIABLE) != 0)
      table.rest(name, {});
    else
      table.row(field->max_field_len / 8, name);
  }
  return table.rows();
}

template <class Message>
std::vector<std::string> rows_of_layout(bool response) {
  wire::LayoutTable table(1);
  if (response) table.row(1, "completion code");
  table.row(3, "iana");
  const Message message{};
  Message::layout(table, message);
  return table.rows();
}

/// A request as libfreeipmi has it: the command, then the data.
Bytes request_bytes(const wire::IpmiRequest& request) {
  EXPECT_EQ(IPMI_NET_FN_OEM_GROUP_RQ, request.net_fn);
  ByteWriter out;
  out.u8(request.command);
  out.bytes(request.data);
  return std::move(out).release();
}

/// A response as libfreeipmi has it: the command, the completion code, then the data.
Bytes response_bytes(Command command, wire::CompletionCode code, ByteView data) {
  ByteWriter out;
  out.u8(static_cast<std::uint8_t>(command));
  out.u8(static_cast<std::uint8_t>(code));
  out.bytes(data);
  return std::move(out).release();
}

std::uint32_t random_iana(std::mt19937_64& random) {
  return static_cast<std::uint32_t>(random() & 0xffffffU);
}

TEST(OemTemplates, HaveTheFieldsOfTheirByteTables) {
  for_each_request([](auto direction) {
    using Message = typename decltype(direction)::Message;
    EXPECT_EQ(rows_of_layout<Message>(false), rows_of(direction.tmpl)) << direction.name;
  });
  for_each_response([](auto direction) {
    using Message = typename decltype(direction)::Message;
    EXPECT_EQ(rows_of_layout<Message>(true), rows_of(direction.tmpl)) << direction.name;
  });
}

TEST(OemTemplates, GiveTheBytesOfOurCodecsForEveryRequest) {
  std::mt19937_64 random(kSeed);
  for_each_request([&](auto direction) {
    SCOPED_TRACE(direction.name);
    using Message = typename decltype(direction)::Message;
    for (int round = 0; round < kRounds && !::testing::Test::HasFailure(); ++round) {
      const auto iana = random_iana(random);
      const auto message = random_message<Message>(random);
      const FiidObject object = make_object(direction.tmpl);
      FiidWriter writer(object.get());
      writer.set("cmd", static_cast<std::uint8_t>(direction.command));
      writer.set("iana", iana);
      Message::layout(writer, message);
      EXPECT_EQ(1, fiid_obj_packet_valid(object.get()));
      const Bytes ours = request_bytes(wire::oem::make_request(iana, direction.command, message));
      EXPECT_EQ(to_hex(ours), to_hex(all_bytes(object)));
    }
  });
}

TEST(OemTemplates, GiveTheBytesOfOurCodecsForEveryResponse) {
  std::mt19937_64 random(kSeed);
  for_each_response([&](auto direction) {
    SCOPED_TRACE(direction.name);
    using Message = typename decltype(direction)::Message;
    for (int round = 0; round < kRounds && !::testing::Test::HasFailure(); ++round) {
      const auto iana = random_iana(random);
      const auto message = random_message<Message>(random);
      const FiidObject object = make_object(direction.tmpl);
      FiidWriter writer(object.get());
      writer.set("cmd", static_cast<std::uint8_t>(direction.command));
      writer.set("comp_code", 0);
      writer.set("iana", iana);
      Message::layout(writer, message);
      EXPECT_EQ(1, fiid_obj_packet_valid(object.get()));
      const Bytes data = wire::oem::response_data(iana, message);
      EXPECT_EQ(to_hex(response_bytes(direction.command, wire::CompletionCode::Ok, data)),
                to_hex(all_bytes(object)));
    }
  });
}

/// Loads the bytes of our codec into an object and compares every field.
template <class Direction>
void read_back(Direction direction, ByteView bytes, std::uint32_t iana,
               const typename Direction::Message& message) {
  const FiidObject object = make_object(direction.tmpl);
  EXPECT_EQ(static_cast<int>(bytes.size()),
            fiid_obj_set_all(object.get(), bytes.data(), size_of(bytes)));
  EXPECT_EQ(1, fiid_obj_packet_valid(object.get()));
  FiidComparer comparer(object.get());
  comparer.expect("cmd", static_cast<std::uint8_t>(direction.command));
  comparer.expect("iana", iana);
  Direction::Message::layout(comparer, message);
}

TEST(OemTemplates, ReadTheRequestsOfOurCodecs) {
  std::mt19937_64 random(kSeed + 1);
  for_each_request([&](auto direction) {
    SCOPED_TRACE(direction.name);
    using Message = typename decltype(direction)::Message;
    for (int round = 0; round < kRounds && !::testing::Test::HasFailure(); ++round) {
      const auto iana = random_iana(random);
      const auto message = random_message<Message>(random);
      read_back(direction, request_bytes(wire::oem::make_request(iana, direction.command, message)),
                iana, message);
    }
  });
}

TEST(OemTemplates, ReadTheResponsesOfOurCodecs) {
  std::mt19937_64 random(kSeed + 1);
  for_each_response([&](auto direction) {
    SCOPED_TRACE(direction.name);
    using Message = typename decltype(direction)::Message;
    for (int round = 0; round < kRounds && !::testing::Test::HasFailure(); ++round) {
      const auto iana = random_iana(random);
      const auto message = random_message<Message>(random);
      const Bytes data = wire::oem::response_data(iana, message);
      read_back(direction, response_bytes(direction.command, wire::CompletionCode::Ok, data), iana,
                message);
    }
  });
}

TEST(OemTemplates, AcceptAResponseThatIsOnlyACompletionCode) {
  for_each_response([](auto direction) {
    const Bytes bytes = response_bytes(direction.command, wire::CompletionCode::InvalidCommand, {});
    const FiidObject object = make_object(direction.tmpl);
    EXPECT_EQ(2, fiid_obj_set_all(object.get(), bytes.data(), 2)) << direction.name;
    EXPECT_EQ(0, fiid_obj_packet_valid(object.get())) << direction.name;
    EXPECT_EQ(1, fiid_obj_packet_sufficient(object.get())) << direction.name;
  });
}

/// Runs `fill(iana, message, object)` for random messages and compares the bytes.
template <class Message, class Fill>
void check_fill(fiid_field_t* tmpl, Command command, Fill fill) {
  std::mt19937_64 random(kSeed + 2);
  const FiidObject object = make_object(tmpl);
  for (int round = 0; round < kRounds && !::testing::Test::HasFailure(); ++round) {
    const auto iana = random_iana(random);
    auto message = random_message<Message>(random);
    if constexpr (requires { message.count; })
      message.count = static_cast<std::uint16_t>(1 + message.count % wire::oem::kReadLimit_bytes);
    ASSERT_EQ(0, fill(iana, message, object.get()));
    EXPECT_EQ(to_hex(request_bytes(wire::oem::make_request(iana, command, message))),
              to_hex(all_bytes(object)));
    EXPECT_EQ(1, fiid_obj_packet_valid(object.get()));
  }
}

TEST(OemFill, GivesTheBytesOfOurCodecs) {
  using namespace wire::oem;
  check_fill<CapabilitiesRq>(
      tmpl_cmd_oem_fwrecover_get_recovery_capabilities_rq, Command::GetRecoveryCapabilities,
      [](auto iana, const auto& m, auto rq) {
        return fill_cmd_oem_fwrecover_get_recovery_capabilities(iana, m.version, rq);
      });
  check_fill<RequestFirmwareRq>(tmpl_cmd_oem_fwrecover_request_firmware_rq,
                                Command::RequestFirmware, [](auto iana, const auto& m, auto rq) {
                                  return fill_cmd_oem_fwrecover_request_firmware_after(
                                      iana, m.version, m.flags, m.nonce.data(),
                                      m.platform.manufacturer_id, m.platform.product_id,
                                      m.platform.device_id, m.platform.hardware_revision,
                                      m.platform.component.c_str(), m.after.data(), rq);
                                });
  check_fill<GetManifestRq>(tmpl_cmd_oem_fwrecover_get_manifest_rq, Command::GetManifest,
                            [](auto iana, const auto& m, auto rq) {
                              return fill_cmd_oem_fwrecover_get_manifest(
                                  iana, m.digest.data(), static_cast<std::uint8_t>(m.part),
                                  m.offset, m.count, rq);
                            });
  check_fill<AcceptOfferRq>(tmpl_cmd_oem_fwrecover_accept_offer_rq, Command::AcceptOffer,
                            [](auto iana, const auto& m, auto rq) {
                              return fill_cmd_oem_fwrecover_accept_offer(
                                  iana, m.nonce.data(), m.digest.data(), m.token.data(), rq);
                            });
  check_fill<ReleaseOfferRq>(tmpl_cmd_oem_fwrecover_release_offer_rq, Command::ReleaseOffer,
                             [](auto iana, const auto& m, auto rq) {
                               return fill_cmd_oem_fwrecover_release_offer(iana, m.handle, rq);
                             });
  check_fill<ReadRq>(tmpl_cmd_oem_fwrecover_read_hash_tree_rq, Command::ReadHashTree,
                     [](auto iana, const auto& m, auto rq) {
                       return fill_cmd_oem_fwrecover_read_hash_tree(iana, m.handle, m.offset,
                                                                    m.count, rq);
                     });
  check_fill<ReadRq>(tmpl_cmd_oem_fwrecover_read_image_rq, Command::ReadImage,
                     [](auto iana, const auto& m, auto rq) {
                       return fill_cmd_oem_fwrecover_read_image(iana, m.handle, m.offset, m.count,
                                                                rq);
                     });
  check_fill<ReportResultRq>(tmpl_cmd_oem_fwrecover_report_result_rq, Command::ReportResult,
                             [](auto iana, const auto& m, auto rq) {
                               return fill_cmd_oem_fwrecover_report_result(
                                   iana, m.handle, m.result, m.text.data(), size_of(m.text), rq);
                             });
  check_fill<Empty>(tmpl_cmd_oem_fwrecover_get_donor_status_rq, Command::GetDonorStatus,
                    [](auto iana, const auto&, auto rq) {
                      return fill_cmd_oem_fwrecover_get_donor_status(iana, rq);
                    });
  check_fill<ListImagesRq>(tmpl_cmd_oem_fwrecover_list_images_rq, Command::ListImages,
                           [](auto iana, const auto& m, auto rq) {
                             return fill_cmd_oem_fwrecover_list_images(iana, m.after.data(), rq);
                           });
}

/// The call failed because of an argument.
#define EXPECT_REFUSED(call)  \
  do {                        \
    errno = 0;                \
    EXPECT_EQ(-1, (call));    \
    EXPECT_EQ(EINVAL, errno); \
  } while (0)

TEST(OemFill, RefusesAnObjectOfAnotherTemplate) {
  const FiidObject other = make_object(tmpl_cmd_oem_fwrecover_read_image_rs);
  EXPECT_REFUSED(fill_cmd_oem_fwrecover_get_donor_status(1, other.get()));
  EXPECT_REFUSED(fill_cmd_oem_fwrecover_get_donor_status(1, nullptr));
}

TEST(OemFill, RefusesAnIanaNumberOfMoreThan24Bits) {
  const FiidObject rq = make_object(tmpl_cmd_oem_fwrecover_get_donor_status_rq);
  EXPECT_EQ(0, fill_cmd_oem_fwrecover_get_donor_status(0xffffff, rq.get()));
  EXPECT_REFUSED(fill_cmd_oem_fwrecover_get_donor_status(0x1000000, rq.get()));
}

TEST(OemFill, RefusesCountsThatTheTableForbids) {
  const FiidObject image = make_object(tmpl_cmd_oem_fwrecover_read_image_rq);
  EXPECT_EQ(0, fill_cmd_oem_fwrecover_read_image(1, 2, 3, 900, image.get()));
  EXPECT_REFUSED(fill_cmd_oem_fwrecover_read_image(1, 2, 3, 0, image.get()));
  EXPECT_REFUSED(fill_cmd_oem_fwrecover_read_image(1, 2, 3, 901, image.get()));
  EXPECT_REFUSED(fill_cmd_oem_fwrecover_read_image(1, 2, 1ULL << 40, 1, image.get()));
  const FiidObject manifest = make_object(tmpl_cmd_oem_fwrecover_get_manifest_rq);
  const Digest digest{};
  EXPECT_EQ(0, fill_cmd_oem_fwrecover_get_manifest(1, digest.data(), 1, 0, 1, manifest.get()));
  EXPECT_REFUSED(fill_cmd_oem_fwrecover_get_manifest(1, digest.data(), 2, 0, 1, manifest.get()));
  EXPECT_REFUSED(fill_cmd_oem_fwrecover_get_manifest(1, digest.data(), 0, 0, 0, manifest.get()));
  EXPECT_REFUSED(fill_cmd_oem_fwrecover_get_manifest(1, nullptr, 0, 0, 1, manifest.get()));
}

TEST(OemFill, RefusesTextThatDoesNotFit) {
  const FiidObject request = make_object(tmpl_cmd_oem_fwrecover_request_firmware_rq);
  const Nonce nonce{};
  const auto fill = [&](std::uint32_t manufacturer, const char* component) {
    return fill_cmd_oem_fwrecover_request_firmware(1, 1, 0, nonce.data(), manufacturer, 2, 3, 4,
                                                   component, request.get());
  };
  EXPECT_EQ(0, fill(0xffffff, "fifteen-letters"));
  EXPECT_REFUSED(fill(0xffffff, "sixteen--letters"));
  EXPECT_REFUSED(fill(0xffffff, ""));
  EXPECT_REFUSED(fill(0xffffff, nullptr));
  EXPECT_REFUSED(fill(0x1000000, "bmc"));
  const FiidObject report = make_object(tmpl_cmd_oem_fwrecover_report_result_rq);
  const std::string text(129, 'x');
  EXPECT_EQ(0, fill_cmd_oem_fwrecover_report_result(1, 2, 0, text.data(), 128, report.get()));
  EXPECT_REFUSED(fill_cmd_oem_fwrecover_report_result(1, 2, 0, text.data(), 129, report.get()));
  EXPECT_REFUSED(fill_cmd_oem_fwrecover_report_result(1, 2, 0, nullptr, 1, report.get()));
}

TEST(OemFill, ForgetsWhatTheObjectHadBefore) {
  const FiidObject report = make_object(tmpl_cmd_oem_fwrecover_report_result_rq);
  ASSERT_EQ(0, fill_cmd_oem_fwrecover_report_result(1, 2, 0, "text", 4, report.get()));
  ASSERT_EQ(0, fill_cmd_oem_fwrecover_report_result(1, 2, 0, nullptr, 0, report.get()));
  EXPECT_EQ(1U + 3U + 4U + 1U, all_bytes(report).size());
}

TEST(OemCommand, RefusesToRunWithoutAContextOrItsResponseTemplate) {
  const FiidObject rs = make_object(tmpl_cmd_oem_fwrecover_get_donor_status_rs);
  EXPECT_REFUSED(ipmi_cmd_oem_fwrecover_get_donor_status(nullptr, 1, rs.get()));
  ipmi_ctx_t ctx = ipmi_ctx_create();
  const FiidObject other = make_object(tmpl_cmd_oem_fwrecover_get_donor_status_rq);
  EXPECT_REFUSED(ipmi_cmd_oem_fwrecover_get_donor_status(ctx, 1, other.get()));
  EXPECT_REFUSED(ipmi_cmd_oem_fwrecover_get_donor_status(ctx, 0x1000000, rs.get()));
  ipmi_ctx_destroy(ctx);
}

TEST(OemCommand, SaysThatAContextIsNotOpen) {
  const FiidObject rs = make_object(tmpl_cmd_oem_fwrecover_get_donor_status_rs);
  ipmi_ctx_t ctx = ipmi_ctx_create();
  errno = 0;
  EXPECT_EQ(-1, ipmi_cmd_oem_fwrecover_get_donor_status(ctx, 1, rs.get()));
  EXPECT_EQ(EIO, errno);
  EXPECT_EQ(IPMI_ERR_DEVICE_NOT_OPEN, ipmi_ctx_errnum(ctx));
  ipmi_ctx_destroy(ctx);
}

TEST(OemRetryAfter, ReadsTheSecondsOfABusyDonor) {
  const FiidObject rs = make_object(tmpl_cmd_oem_fwrecover_accept_offer_rs);
  ByteWriter out;
  out.bytes(wire::oem::response_data(IPMI_OEM_FWRECOVER_IANA_DEFAULT));
  out.u16(0x0203);
  const Bytes busy = response_bytes(Command::AcceptOffer, wire::CompletionCode::Busy, out.view());
  const auto load = [&](std::size_t length) {
    fiid_obj_clear(rs.get());
    fiid_obj_set_all(rs.get(), busy.data(), static_cast<unsigned int>(length));
  };
  std::uint16_t seconds = 0;
  load(busy.size());
  ASSERT_EQ(0, ipmi_cmd_oem_fwrecover_retry_after(rs.get(), &seconds));
  EXPECT_EQ(0x0203, seconds);
  load(busy.size() - 1);
  EXPECT_REFUSED(ipmi_cmd_oem_fwrecover_retry_after(rs.get(), &seconds));
  load(0);
  EXPECT_REFUSED(ipmi_cmd_oem_fwrecover_retry_after(rs.get(), &seconds));
}

}  // namespace
}  // namespace fwr::test
