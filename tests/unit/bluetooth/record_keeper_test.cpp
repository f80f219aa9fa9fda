// SPDX-License-Identifier: GPL-3.0-or-later
// A record whose keeper goes and comes back, played by the test.
#include "bluetooth/record_keeper.hpp"

#include <gtest/gtest.h>

#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <atomic>
#include <thread>

#include "base/unique_fd.hpp"

namespace fwr::transport {
namespace {

using std::chrono::milliseconds;
using News = RecordKeeper::News;

/// What the thread and the test share.
struct World {
  UniqueFd lost{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)};
  std::atomic<int> alive = 0;
  std::atomic<int> attempts = 0;
  std::atomic<int> refusals = 0;  ///< so many attempts fail
};

class FakeRecord final : public ServiceRecord {
 public:
  explicit FakeRecord(std::shared_ptr<World> world) : world_(std::move(world)) { ++world_->alive; }
  FakeRecord(const FakeRecord&) = delete;
  FakeRecord& operator=(const FakeRecord&) = delete;
  FakeRecord(FakeRecord&&) = delete;
  FakeRecord& operator=(FakeRecord&&) = delete;
  ~FakeRecord() override { --world_->alive; }
  [[nodiscard]] bool wait_until_lost(int stop) override {
    std::array watched{pollfd{stop, POLLIN, 0}, pollfd{world_->lost.get(), POLLIN, 0}};
    (void)::poll(watched.data(), watched.size(), -1);
    if (watched[0].revents != 0) return false;
    eventfd_t one = 0;
    (void)::eventfd_read(world_->lost.get(), &one);
    return true;
  }

 private:
  std::shared_ptr<World> world_;
};

class RecordKeeperTest : public testing::Test {
 protected:
  void keep(bool registered) {
    const auto again = [world = world_]() -> Result<std::unique_ptr<ServiceRecord>> {
      if (++world->attempts <= world->refusals) return fail(Errc::NotFound, "nobody keeps records");
      return std::make_unique<FakeRecord>(world);
    };
    std::unique_ptr<ServiceRecord> first;
    if (registered) first = std::make_unique<FakeRecord>(world_);
    keeper_ = std::make_unique<RecordKeeper>(std::move(first), again,
                                             RecordKeeper::Times{milliseconds(1), milliseconds(4)});
  }
  void lose() const { EXPECT_EQ(0, ::eventfd_write(world_->lost.get(), 1)); }
  std::optional<News> next() {
    if (auto news = keeper_->poll()) return news;
    pollfd watched{keeper_->descriptor(), POLLIN, 0};
    EXPECT_EQ(1, ::poll(&watched, 1, 10'000));
    return keeper_->poll();
  }

  std::shared_ptr<World> world_ = std::make_shared<World>();
  std::unique_ptr<RecordKeeper> keeper_;
};

TEST_F(RecordKeeperTest, RegistersAgainWhatWasLost) {
  keep(true);
  EXPECT_FALSE(keeper_->poll()) << "the first time is no news";
  for (int i = 0; i < 2; ++i) {
    lose();
    EXPECT_EQ(News::Lost, next());
    EXPECT_EQ(News::Registered, next());
  }
  EXPECT_EQ(1, world_->alive);
  EXPECT_EQ(2, world_->attempts);
}

TEST_F(RecordKeeperTest, TriesUntilSomebodyKeepsRecords) {
  world_->refusals = 5;
  keep(false);
  EXPECT_EQ(News::Registered, next()) << "what never was is not lost";
  EXPECT_EQ(6, world_->attempts);
}

TEST_F(RecordKeeperTest, LetsTheRecordGoWithItself) {
  keep(true);
  EXPECT_EQ(1, world_->alive);
  keeper_.reset();
  for (int i = 0; i < 10'000 && world_->alive != 0; ++i)
    std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(0, world_->alive);
  EXPECT_EQ(0, world_->attempts);
}

}  // namespace
}  // namespace fwr::transport
