// SPDX-License-Identifier: GPL-3.0-or-later
// The checks after each case.
#include "hostile_fixture.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <thread>

namespace fwr::hostile {

namespace {

constexpr std::uint16_t kRead_bytes = 900;
constexpr std::size_t kSourcesPerPeer = 150;
constexpr std::uint8_t kGetSessionInfo = 0x3d;
/// The allocator keeps pages, queues grow to their limits once; a leak of 100 bytes a packet is
/// more than this in one run.
constexpr std::size_t kGrowthLimit_kib = 3072;

std::size_t growth_limit_kib() {
  // A donor under a sanitizer keeps what it frees for a while.
  const char* text = std::getenv("FWR_HOSTILE_GROWTH_KIB");
  return text == nullptr ? kGrowthLimit_kib : std::strtoul(text, nullptr, 10);
}

class Scenes : public ::testing::Environment {
 public:
  void TearDown() override {
    for (const auto& [name, scene] : scenes) {
      SCOPED_TRACE(name);
      scene->expect_clean_end();
    }
    scenes.clear();
  }
  std::map<std::string, std::unique_ptr<Scene>> scenes;
};

/// GoogleTest owns it, and ends what it keeps.
Scenes& kept() {
  static auto* const kScenes = new Scenes;
  return *kScenes;
}
[[maybe_unused]] const auto* const kRegistered = ::testing::AddGlobalTestEnvironment(&kept());

}  // namespace

Scene::Scene(const DonorOptions& options, CipherSuite suite) : donor_(options) {
  let_honest_in(suite);
  // Everything that grows once has grown: buffers, the allocator's arenas, the table of sources.
  constexpr unsigned kWarmUp = 200;
  for (unsigned i = 0; i < kWarmUp; ++i) settle();
  expect_honest_is_served();
  first_kib_ = donor_.resident_kib();
  note_size();
}

void Scene::let_honest_in(CipherSuite suite) {
  honest_ =
      std::make_unique<LiveSession>(donor_.port(), Attempt{kRoot, suite, Privilege::Administrator});
  ASSERT_TRUE(honest_->is_up()) << "the honest client gets no session:\n" << donor_.log();
  // The session starts as a user (PROTOCOL has no command above that); Get Session Info wants more.
  const auto raised = honest_->command(kApp, 0x3b, bytes({4}));
  ASSERT_TRUE(raised && raised->code == wire::CompletionCode::Ok);
  const auto lease = honest_->take_lease();
  ASSERT_TRUE(lease.has_value());
  lease_ = lease->handle;
}

void Scene::expect_honest_is_served() {
  EXPECT_TRUE(honest_->status().has_value()) << "the honest session is not answered";
  constexpr std::uint64_t kStride = 65521;
  read_at_ = (read_at_ + kStride) % (donor_.image().size() - kRead_bytes);
  const auto read = honest_->read_image(lease_, read_at_, kRead_bytes);
  ASSERT_TRUE(read.has_value()) << "the honest lease: " << read.error().message();
  EXPECT_TRUE(std::equal(read->begin(), read->end(),
                         donor_.image().begin() + static_cast<std::ptrdiff_t>(read_at_)))
      << "wrong bytes for the honest session";
  EXPECT_EQ(kRead_bytes, read->size());
}

void Scene::settle() {
  // Twice: answers leave before the stream does, so the first one proves only that all was heard.
  for (unsigned i = 0; i < 2; ++i)
    EXPECT_TRUE(honest_->status().has_value()) << "the honest session is not answered";
}

unsigned Scene::active_sessions() {
  const auto info = honest_->command(kApp, kGetSessionInfo, bytes({0}));
  if (!info || info->code != wire::CompletionCode::Ok || info->data.size() < 3) {
    ADD_FAILURE() << "no Get Session Info";
    return 0;
  }
  return std::to_integer<unsigned>(info->data[2]);
}

void Scene::note_size() {
  open_files_ = donor_.open_files();
}

void Scene::expect_same_size() {
  EXPECT_EQ(open_files_, donor_.open_files());
  EXPECT_LE(donor_.resident_kib(), first_kib_ + growth_limit_kib()) << "the donor grows";
}

void Scene::expect_alive() {
  ASSERT_TRUE(donor_.is_alive()) << "the donor has died:\n" << donor_.log();
}

void Scene::expect_rest() {
  constexpr double kAtMost_s = 0.1;
  settle();
  const double before = donor_.cpu_s();
  std::this_thread::sleep_for(200ms);
  EXPECT_LE(donor_.cpu_s() - before, kAtMost_s) << "the donor runs in circles";
}

void Scene::expect_clean_end() {
  honest_.reset();
  const auto status = donor_.stop();
  EXPECT_EQ(0, status.value_or(-1)) << "how the donor ended:\n" << donor_.log();
}

Scene& kept_scene(const std::string& name, const DonorOptions& options, CipherSuite suite) {
  auto& scene = kept().scenes[name];
  if (!scene) scene = std::make_unique<Scene>(options, suite);
  return *scene;
}

Scene& strict_scene() {
  return kept_scene("strict", {});
}

Scene& lenient_scene() {
  return kept_scene("lenient", {.session = "suite3 = true"}, CipherSuite::Suite3);
}

void HostileTest::SetUp() {
  ASSERT_NO_FATAL_FAILURE(scene_.expect_alive());
  scene_.note_size();
  sessions_before_ = scene_.active_sessions();
}

void HostileTest::TearDown() {
  ASSERT_NO_FATAL_FAILURE(scene_.expect_alive());
  scene_.expect_honest_is_served();
  EXPECT_EQ(sessions_before_, scene_.active_sessions()) << "sessions of this case are left";
  scene_.expect_same_size();
}

std::vector<Bytes> HostileTest::answers_to(const std::vector<Bytes>& datagrams) {
  std::vector<Bytes> answers;
  for (std::size_t first = 0; first < datagrams.size(); first += kSourcesPerPeer) {
    Peer peer(port());
    const std::size_t end = std::min(datagrams.size(), first + kSourcesPerPeer);
    for (std::size_t i = first; i < end; ++i) peer.send(datagrams[i]);
    settle();
    for (Bytes& answer : peer.drain()) answers.push_back(std::move(answer));
  }
  return answers;
}

void HostileTest::expect_silence(const std::vector<Bytes>& datagrams) {
  for (const Bytes& answer : answers_to(datagrams)) ADD_FAILURE() << "answered " << to_hex(answer);
}

void HostileTest::expect_silence(Peer& peer) {
  settle();
  for (const Bytes& answer : peer.drain()) ADD_FAILURE() << "answered " << to_hex(answer);
}

void HostileTest::expect_status(RakpStatus status, PayloadType type, ByteView payload) {
  constexpr std::size_t kStatusOnly_bytes = 8;
  Peer peer(port());
  peer.send(plain(type, payload));
  const auto answer = peer.receive();
  ASSERT_TRUE(answer.has_value()) << "no answer to " << to_hex(payload);
  const auto packet = rmcp_plus(*answer);
  ASSERT_TRUE(packet.has_value());
  EXPECT_EQ(static_cast<unsigned>(type) + 1, packet->header.payload_type);
  EXPECT_EQ(status, status_of(*answer)) << wire::describe(*status_of(*answer));
  EXPECT_EQ(kStatusOnly_bytes, packet->payload.size());
  EXPECT_EQ(payload[0], packet->payload[0]) << "the tag is not echoed";
}

}  // namespace fwr::hostile
