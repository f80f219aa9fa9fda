// SPDX-License-Identifier: GPL-3.0-or-later
// A catalogue in a directory, with keys and signatures of the stock minisign program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "donor/catalogue_file.hpp"
#include "image/hash_tree.hpp"
#include "image/manifest.hpp"
#include "support/stock_tool.hpp"

namespace fwr::test {
namespace {

namespace fs = std::filesystem;
using donor::DirectoryCatalogue;
using testing::HasSubstr;

std::string random_image(std::size_t size, unsigned seed) {
  std::mt19937_64 engine(seed);
  std::string image(size, '\0');
  for (char& c : image) c = static_cast<char>(engine() & 0xffU);
  return image;
}

/// One key for all tests: a keyring that is not trusted is made where it is needed.
class Keyring {
 public:
  Keyring() {
    const auto ran = run(scratch_, {"minisign", "-G", "-W", "-f", "-p", scratch_.path("key.pub"),
                                    "-s", scratch_.path("key.sec")});
    usable_ = ran.has_value() && ran->status == 0;
    if (usable_) key_ = image::parse_public_key(scratch_.get("key.pub")).value();
  }
  bool usable() const { return usable_; }
  const image::PublicKey& key() const { return key_; }
  void sign(const std::vector<std::string>& manifest_paths) const {
    std::vector<std::string> command{"minisign", "-S", "-W", "-s", scratch_.path("key.sec"), "-m"};
    command.insert(command.end(), manifest_paths.begin(), manifest_paths.end());
    const auto ran = run(scratch_, command);
    ASSERT_TRUE(ran && ran->status == 0) << (ran ? ran->output : "");
  }

 private:
  Scratch scratch_;
  bool usable_ = false;
  image::PublicKey key_;
};

class DirectoryCatalogueTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kImage_bytes = 300 * 4096 + 5;

  void SetUp() override {
    if (!keys().usable()) GTEST_SKIP() << "minisign is not installed";
    ASSERT_TRUE(DirectoryCatalogue::create(directory()));
  }
  static const Keyring& keys() {
    static const Keyring kKeyring;
    return kKeyring;
  }
  std::string directory() const { return scratch_.path("catalogue"); }
  std::string in_directory(const Digest& digest, const std::string& file) const {
    return directory() + "/" + to_text(digest) + "/" + file;
  }
  std::unique_ptr<DirectoryCatalogue> open() const {
    auto catalogue = DirectoryCatalogue::open(directory(), {keys().key()});
    EXPECT_TRUE(catalogue) << catalogue.error().message();
    return catalogue ? std::move(*catalogue) : nullptr;
  }

  struct Unsigned {
    std::string image, content, manifest;
    Digest digest{};
    Bytes tree;
  };
  struct Made : Unsigned {
    std::string signature;
  };
  /// An image file with a manifest that fits.
  Unsigned make_unsigned(const std::string& name, std::size_t size, unsigned seed) const {
    Unsigned made;
    made.content = random_image(size, seed);
    made.image = scratch_.put(name + ".img", made.content);
    made.tree.resize(static_cast<std::size_t>(image::TreeShape(size).tree_size_bytes()));
    image::TreeBuilder builder(size, [&](std::uint64_t block, ByteView bytes) {
      std::copy(bytes.begin(), bytes.end(),
                made.tree.begin() + static_cast<std::ptrdiff_t>(block * image::kBlock_bytes));
      return Result<>{};
    });
    EXPECT_TRUE(builder.add(as_bytes(made.content)));
    made.digest = builder.finish().value();
    image::Manifest manifest;
    manifest.name = "Test " + name;
    manifest.component = "bmc";
    manifest.version = "1.0";
    manifest.size_bytes = size;
    manifest.digest = made.digest;
    manifest.created = 1;
    manifest.platforms.resize(1);
    made.manifest = scratch_.put(name + ".json", image::to_json(manifest));
    return made;
  }
  Made make(const std::string& name, std::size_t size, unsigned seed) const {
    Made made{make_unsigned(name, size, seed), {}};
    keys().sign({made.manifest});
    made.signature = made.manifest + ".minisig";
    return made;
  }
  /// Many images without waiting for the disk as often as add() does.
  std::vector<Unsigned> fill(std::size_t images, std::size_t size) const {
    std::vector<Unsigned> all;
    std::vector<std::string> manifests;
    for (std::size_t i = 0; i < images; ++i) {
      all.push_back(make_unsigned("image", size, static_cast<unsigned>(1000 + i)));
      const std::string base = directory() + "/" + to_text(all.back().digest);
      fs::create_directory(base);
      fs::copy_file(all.back().image, base + "/image");
      fs::copy_file(all.back().manifest, base + "/manifest.json");
      fs::copy_file(scratch_.put("tree", as_text(all.back().tree)), base + "/tree");
      manifests.push_back(base + "/manifest.json");
    }
    keys().sign(manifests);
    return all;
  }
  static Errc code_of_add(DirectoryCatalogue& catalogue, const Made& made) {
    const auto added = catalogue.add(made.image, made.manifest, made.signature);
    EXPECT_FALSE(added);
    return added ? Errc::Internal : added.error().code;
  }
  static void expect_added(DirectoryCatalogue& catalogue, const Made& made) {
    const auto added = catalogue.add(made.image, made.manifest, made.signature);
    ASSERT_TRUE(added) << added.error().message();
    EXPECT_EQ(made.digest, added->digest);
    EXPECT_FALSE(added->was_there);
  }
  /// Everything in the directory but the lock.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : fs::directory_iterator(directory()))
      if (entry.path().filename() != ".lock") all.push_back(entry.path().filename().string());
    std::sort(all.begin(), all.end());
    return all;
  }
  static void expect_serves(DirectoryCatalogue& catalogue, const Unsigned& made) {
    Bytes image(made.content.size()), tree(made.tree.size());
    ASSERT_TRUE(catalogue.read_image(made.digest, 0, image));
    ASSERT_TRUE(catalogue.read_tree(made.digest, 0, tree));
    EXPECT_EQ(made.content, as_text(image));
    EXPECT_EQ(made.tree, tree);
  }

  Scratch scratch_;
};

// --- open ----------------------------------------------------------------------------------------

TEST_F(DirectoryCatalogueTest, IsEmptyWhenItWasJustMade) {
  const auto catalogue = open();
  EXPECT_TRUE(catalogue->entries().empty());
  EXPECT_TRUE(catalogue->problems().empty());
  EXPECT_TRUE(DirectoryCatalogue::create(directory())) << "made again";
}

TEST_F(DirectoryCatalogueTest, ThatIsMissingIsNotFound) {
  const auto catalogue = DirectoryCatalogue::open(scratch_.path("none"), {});
  ASSERT_FALSE(catalogue);
  EXPECT_EQ(Errc::NotFound, catalogue.error().code);
  EXPECT_THAT(catalogue.error().message(), HasSubstr(scratch_.path("none")));
}

TEST_F(DirectoryCatalogueTest, ServesWhatWasAddedNowAndWhenOpenedAgain) {
  const Made made = make("one", kImage_bytes, 1);
  const auto first = open();
  expect_added(*first, made);
  for (const auto& catalogue : {first.get(), open().release()}) {
    const std::unique_ptr<DirectoryCatalogue> owner(catalogue == first.get() ? nullptr : catalogue);
    ASSERT_EQ(1U, catalogue->entries().size());
    EXPECT_TRUE(catalogue->problems().empty());
    const donor::Entry& entry = catalogue->entries()[0];
    EXPECT_EQ(made.digest, entry.manifest.digest);
    EXPECT_EQ(scratch_.get("one.json"), entry.manifest_json);
    EXPECT_EQ(scratch_.get("one.json.minisig"), entry.signature);
    expect_serves(*catalogue, made);
    EXPECT_TRUE(catalogue->verify(made.digest));
  }
}

TEST_F(DirectoryCatalogueTest, HoldsTheTreeOfTheStockTool) {
  const Made made = make("one", kImage_bytes, 2);
  expect_added(*open(), made);
  const auto ran =
      run(scratch_, {"fsverity", "digest", "--hash-alg=sha256", "--block-size=4096", "--compact",
                     "--out-merkle-tree=" + scratch_.path("stock-tree"), made.image});
  if (!ran) GTEST_SKIP() << "fsverity is not installed";
  ASSERT_EQ(0, ran->status) << ran->output;
  fs::copy(in_directory(made.digest, "tree"), scratch_.path("our-tree"));
  EXPECT_EQ(scratch_.get("stock-tree"), scratch_.get("our-tree"));
  EXPECT_EQ(to_text(made.digest) + "\n", ran->output);
}

TEST_F(DirectoryCatalogueTest, ReadsAtAnyOffset) {
  const Made made = make("one", 20000, 3);
  const auto catalogue = open();
  expect_added(*catalogue, made);
  Bytes part(100);
  ASSERT_TRUE(catalogue->read_image(made.digest, 19900, part));
  EXPECT_EQ(made.content.substr(19900), as_text(part));
  ASSERT_TRUE(catalogue->read_tree(made.digest, 50, part));
  EXPECT_TRUE(std::equal(part.begin(), part.end(), made.tree.begin() + 50));
  EXPECT_EQ(Errc::NotFound, catalogue->read_image(Digest{}, 0, part).error().code);
}

TEST_F(DirectoryCatalogueTest, WorksForImagesOfOneByteAndOneBlock) {
  const auto catalogue = open();
  for (const std::size_t size : {1U, 4096U}) {
    const Made made = make("small" + std::to_string(size), size, 4);
    expect_added(*catalogue, made);
    expect_serves(*catalogue, made);
    EXPECT_TRUE(catalogue->verify(made.digest));
  }
  EXPECT_EQ(2U, open()->entries().size());
}

TEST_F(DirectoryCatalogueTest, KeepsFewerFilesOpenThanItHasImages) {
  const auto all = fill(40, 5000);
  const auto catalogue = open();
  ASSERT_EQ(40U, catalogue->entries().size());
  const auto open_files = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  const auto before = open_files();
  for (int round = 0; round < 2; ++round)
    for (const Unsigned& made : all) expect_serves(*catalogue, made);
  EXPECT_EQ(64, open_files() - before);
}

// --- problems ------------------------------------------------------------------------------------

TEST_F(DirectoryCatalogueTest, LeavesOutWhatIsBrokenAndNamesIt) {
  struct Case {
    std::string words;
    Errc code;
    void (*damage)(const std::string& base);
  };
  const std::vector<Case> cases{
      {"manifest.json", Errc::NotFound,
       [](const std::string& base) { fs::remove(base + "/manifest.json"); }},
      {"manifest.json.minisig", Errc::NotFound,
       [](const std::string& base) { fs::remove(base + "/manifest.json.minisig"); }},
      {"image", Errc::NotFound, [](const std::string& base) { fs::remove(base + "/image"); }},
      {"tree", Errc::NotFound, [](const std::string& base) { fs::remove(base + "/tree"); }},
      {"its manifest says 5000", Errc::IoFailed,
       [](const std::string& base) { fs::resize_file(base + "/image", 4999); }},
      {"its manifest says 4096", Errc::IoFailed,
       [](const std::string& base) { fs::resize_file(base + "/tree", 8192); }},
      {"manifest.json.minisig", Errc::BadSignature,
       [](const std::string& base) { fs::resize_file(base + "/manifest.json", 10); }},
      {"at most 16384", Errc::LimitExceeded,
       [](const std::string& base) { fs::resize_file(base + "/manifest.json", 16385); }},
      {"not a regular file", Errc::IoFailed,
       [](const std::string& base) {
         fs::remove(base + "/image");
         ASSERT_EQ(0, mkfifo((base + "/image").c_str(), 0600));
       }},
      {"is of image", Errc::DigestMismatch,
       [](const std::string& base) {
         fs::rename(base, fs::path(base).parent_path() / std::string(64, '0'));
       }},
  };
  unsigned seed = 200;
  const Made good = make("good", 100, ++seed);
  for (const Case& one : cases) {
    fs::remove_all(directory());
    ASSERT_TRUE(DirectoryCatalogue::create(directory()));
    const auto catalogue = open();
    expect_added(*catalogue, good);
    const Made made = make("broken", 5000, ++seed);
    expect_added(*catalogue, made);
    one.damage(directory() + "/" + to_text(made.digest));
    const auto again = open();
    ASSERT_EQ(1U, again->entries().size()) << one.words;
    EXPECT_EQ(good.digest, again->entries()[0].manifest.digest);
    ASSERT_EQ(1U, again->problems().size()) << one.words;
    EXPECT_EQ(one.code, again->problems()[0].code) << again->problems()[0].message();
    EXPECT_THAT(again->problems()[0].message(), HasSubstr(one.words));
  }
}

TEST_F(DirectoryCatalogueTest, LeavesForeignNamesAloneAndFindsNoFaultInThem) {
  expect_added(*open(), make("one", 100, 10));
  fs::create_directory(directory() + "/lost+found");
  fs::create_directory(directory() + "/" + std::string(64, '0') + "-old");
  std::ofstream(directory() + "/README") << "words";
  const auto catalogue = open();
  EXPECT_EQ(1U, catalogue->entries().size());
  EXPECT_TRUE(catalogue->problems().empty());
  EXPECT_EQ(2U, catalogue->foreign().size());
}

TEST_F(DirectoryCatalogueTest, IsMadeForEveryReaderWhateverTheUmask) {
  fs::remove_all(directory());
  const mode_t before = umask(077);
  EXPECT_TRUE(DirectoryCatalogue::create(directory()));
  umask(before);
  EXPECT_EQ(fs::perms(0755), fs::status(directory()).permissions());
}

TEST_F(DirectoryCatalogueTest, LeavesOutWhatNoTrustedKeySigned) {
  const Made made = make("one", 100, 10);
  expect_added(*open(), made);
  const Keyring stranger;
  const auto catalogue = DirectoryCatalogue::open(directory(), {stranger.key()}).value();
  EXPECT_TRUE(catalogue->entries().empty());
  ASSERT_EQ(1U, catalogue->problems().size());
  EXPECT_EQ(Errc::UntrustedKey, catalogue->problems()[0].code);
}

TEST_F(DirectoryCatalogueTest, ReportsAFileThatShrankSinceItWasOpened) {
  const Made made = make("one", kImage_bytes, 11);
  const auto catalogue = open();
  expect_added(*catalogue, made);
  Bytes part(100);
  ASSERT_TRUE(catalogue->read_image(made.digest, kImage_bytes - 100, part));
  fs::resize_file(in_directory(made.digest, "image"), kImage_bytes - 1);
  const auto read = catalogue->read_image(made.digest, kImage_bytes - 100, part);
  ASSERT_FALSE(read);
  EXPECT_EQ(Errc::IoFailed, read.error().code);
  EXPECT_THAT(read.error().message(), HasSubstr(in_directory(made.digest, "image")));
}

// --- add -----------------------------------------------------------------------------------------

TEST_F(DirectoryCatalogueTest, RefusesToAddWhatIsNotAsSigned) {
  const auto catalogue = open();
  const Made made = make("one", 5000, 20), other = make("two", 5000, 21);

  Made wrong = made;
  wrong.image = other.image;
  EXPECT_EQ(Errc::DigestMismatch, code_of_add(*catalogue, wrong));
  wrong.image = make("short", 4999, 20).image;
  EXPECT_EQ(Errc::DigestMismatch, code_of_add(*catalogue, wrong));
  wrong = made;
  wrong.signature = other.signature;
  EXPECT_EQ(Errc::BadSignature, code_of_add(*catalogue, wrong));
  wrong = made;
  wrong.manifest = scratch_.put("no-manifest", "{}");
  keys().sign({wrong.manifest});
  wrong.signature = wrong.manifest + ".minisig";
  EXPECT_EQ(Errc::BadManifest, code_of_add(*catalogue, wrong));
  wrong = made;
  const Keyring stranger;
  stranger.sign({wrong.manifest});
  EXPECT_EQ(Errc::UntrustedKey, code_of_add(*catalogue, wrong));
  constexpr std::array<std::string Made::*, 3> kFiles{&Made::image, &Made::manifest,
                                                      &Made::signature};
  for (const auto file : kFiles) {
    wrong = other;
    wrong.*file = scratch_.path("none");
    EXPECT_EQ(Errc::NotFound, code_of_add(*catalogue, wrong));
  }
  EXPECT_TRUE(names().empty()) << "nothing is left behind";
  EXPECT_TRUE(catalogue->entries().empty());
}

TEST_F(DirectoryCatalogueTest, AddingTheSameAgainChangesNothing) {
  const Made made = make("one", 5000, 22);
  const auto early = open();
  expect_added(*open(), made);
  const auto again = early->add(made.image, made.manifest, made.signature);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_TRUE(again->was_there) << "added by another since";
  expect_serves(*early, made);
  Made wrong = made;
  wrong.image = make("other", 5000, 21).image;
  EXPECT_EQ(Errc::DigestMismatch, code_of_add(*early, wrong));
}

TEST_F(DirectoryCatalogueTest, RefusesAnotherManifestForWhatIsThere) {
  const Made made = make("one", 5000, 22);
  const auto catalogue = open();
  expect_added(*catalogue, made);
  Made other = made;
  std::ifstream file(made.manifest, std::ios::binary);
  std::string json{std::istreambuf_iterator<char>(file), {}};
  const std::string name = "\"name\":\"";
  json.insert(json.find(name) + name.size(), "re-");
  other.manifest = scratch_.put("again", json);
  keys().sign({other.manifest});
  other.signature = other.manifest + ".minisig";
  EXPECT_EQ(Errc::AlreadyExists, code_of_add(*catalogue, other));
}

TEST_F(DirectoryCatalogueTest, ReplacesWhatIsBroken) {
  const Made made = make("one", 5000, 23);
  expect_added(*open(), made);
  fs::resize_file(in_directory(made.digest, "image"), 10);
  const auto catalogue = open();
  EXPECT_TRUE(catalogue->entries().empty());
  expect_added(*catalogue, made);
  expect_serves(*catalogue, made);
  EXPECT_EQ(std::vector{to_text(made.digest)}, names());
}

TEST_F(DirectoryCatalogueTest, RefusesMoreThanItsLimit) {
  fill(donor::kCatalogueLimit + 1, 64);
  const auto catalogue = open();
  EXPECT_EQ(donor::kCatalogueLimit, catalogue->entries().size());
  ASSERT_EQ(1U, catalogue->problems().size());
  EXPECT_EQ(Errc::LimitExceeded, catalogue->problems()[0].code);
  const Made made = make("one", 1, 24);
  EXPECT_EQ(Errc::LimitExceeded, code_of_add(*catalogue, made));
  for (unsigned i = 0; i < 2; ++i)
    ASSERT_TRUE(catalogue->remove(catalogue->entries()[0].manifest.digest));
  expect_added(*open(), made);
}

TEST_F(DirectoryCatalogueTest, CanBeReadByTheUserOfTheDaemon) {
  const Made made = make("one", 5000, 25);
  const mode_t before = umask(077);
  const auto added = open()->add(made.image, made.manifest, made.signature);
  umask(before);
  ASSERT_TRUE(added);
  const auto mode = [&](const std::string& path) {
    return static_cast<unsigned>(fs::status(path).permissions()) & 0777U;
  };
  EXPECT_EQ(0755U, mode(directory() + "/" + to_text(made.digest)));
  for (const char* file : {"image", "tree", "manifest.json", "manifest.json.minisig"})
    EXPECT_EQ(0644U, mode(in_directory(made.digest, file))) << file;
}

TEST_F(DirectoryCatalogueTest, SaysThatItMayNotBeWritten) {
  const Made made = make("one", 5000, 26);
  fs::permissions(scratch_.path(""), fs::perms{0755});
  fs::permissions(directory(), fs::perms{0555});
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (geteuid() == 0 && setuid(kNobody) != 0) _exit(100);
    auto catalogue = DirectoryCatalogue::open(directory(), {keys().key()});
    if (!catalogue) _exit(101);
    const auto added = (*catalogue)->add(made.image, made.manifest, made.signature);
    _exit(!added && added.error().code == Errc::NoPermission ? 0 : 102);
  }
  int status = -1;
  ASSERT_EQ(child, waitpid(child, &status, 0));
  EXPECT_EQ(0, WEXITSTATUS(status));
  fs::permissions(directory(), fs::perms{0755});
  EXPECT_TRUE(names().empty());
}

TEST_F(DirectoryCatalogueTest, ForgetsWhatAnInterruptedWriterLeft) {
  const Made made = make("one", 5000, 27);
  for (const char* leftover : {".incoming-abcdef", ".outgoing-x"}) {
    fs::create_directory(directory() + "/" + leftover);
    fs::copy_file(made.image, directory() + "/" + leftover + "/image");
  }
  const auto catalogue = open();
  EXPECT_TRUE(catalogue->entries().empty());
  EXPECT_TRUE(catalogue->problems().empty());
  EXPECT_EQ(2U, names().size()) << "a reader changes nothing";
  expect_added(*catalogue, made);
  EXPECT_EQ(std::vector{to_text(made.digest)}, names());
}

TEST_F(DirectoryCatalogueTest, HasTheImageWholeOrNotAtAllWhenAddIsKilled) {
  const Made made = make("big", 8U << 20, 28);
  unsigned interrupted = 0;
  for (unsigned round = 0; round < 8; ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto catalogue = DirectoryCatalogue::open(directory(), {keys().key()});
      if (catalogue)
        static_cast<void>((*catalogue)->add(made.image, made.manifest, made.signature));
      _exit(0);
    }
    usleep(1000U << (round / 2));
    kill(child, SIGKILL);
    ASSERT_EQ(child, waitpid(child, nullptr, 0));
    const auto catalogue = open();
    EXPECT_TRUE(catalogue->problems().empty());
    if (catalogue->entries().empty()) {
      ++interrupted;
      continue;
    }
    EXPECT_TRUE(catalogue->verify(made.digest));
    ASSERT_TRUE(catalogue->remove(made.digest));
  }
  EXPECT_GT(interrupted, 0U) << "no round was interrupted: the test looked at nothing";
  const auto catalogue = open();
  expect_added(*catalogue, made);
  EXPECT_EQ(std::vector{to_text(made.digest)}, names());
}

TEST_F(DirectoryCatalogueTest, TakesTurnsWhenTwoAddAtOnce) {
  const Made one = make("one", 1U << 20, 29), two = make("two", 1U << 20, 30);
  const auto catalogue = open();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto own = DirectoryCatalogue::open(directory(), {keys().key()});
    _exit(own && (*own)->add(one.image, one.manifest, one.signature) ? 0 : 1);
  }
  expect_added(*catalogue, two);
  int status = -1;
  ASSERT_EQ(child, waitpid(child, &status, 0));
  EXPECT_EQ(0, status);
  EXPECT_EQ(2U, open()->entries().size());
}

// --- remove, verify ------------------------------------------------------------------------------

TEST_F(DirectoryCatalogueTest, RemovesWithAllFiles) {
  const Made one = make("one", 5000, 40), two = make("two", 6000, 41);
  const auto catalogue = open();
  expect_added(*catalogue, one);
  expect_added(*catalogue, two);
  expect_serves(*catalogue, one);
  ASSERT_TRUE(catalogue->remove(one.digest));
  EXPECT_EQ(std::vector{to_text(two.digest)}, names());
  ASSERT_EQ(1U, catalogue->entries().size());
  expect_serves(*catalogue, two);
  Bytes byte(1);
  EXPECT_EQ(Errc::NotFound, catalogue->read_image(one.digest, 0, byte).error().code);
  EXPECT_EQ(Errc::NotFound, catalogue->remove(one.digest).error().code);
  expect_added(*catalogue, one);
}

TEST_F(DirectoryCatalogueTest, RemovesWhatIsBroken) {
  const Made made = make("one", 5000, 42);
  expect_added(*open(), made);
  fs::remove(in_directory(made.digest, "manifest.json"));
  ASSERT_TRUE(open()->remove(made.digest));
  EXPECT_TRUE(names().empty());
}

TEST_F(DirectoryCatalogueTest, ServesAnImageThatIsRemovedUnderItUntilItOpensAgain) {
  const Made made = make("one", 5000, 43);
  const auto serving = open();
  expect_added(*serving, made);
  expect_serves(*serving, made);
  ASSERT_TRUE(open()->remove(made.digest));
  expect_serves(*serving, made);
  EXPECT_TRUE(open()->entries().empty());
}

TEST_F(DirectoryCatalogueTest, VerifiesEveryByteOfImageAndTree) {
  const Made made = make("one", kImage_bytes, 44);
  const auto catalogue = open();
  expect_added(*catalogue, made);
  const auto flip = [&](const char* file, std::uint64_t offset) {
    std::fstream stream(in_directory(made.digest, file),
                        std::ios::binary | std::ios::in | std::ios::out);
    stream.seekg(static_cast<std::streamoff>(offset));
    const int old = stream.get();
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.put(static_cast<char>(old ^ 1));
    ASSERT_TRUE(stream.good());
  };
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{kImage_bytes} - 1}) {
    flip("image", offset);
    const auto verdict = catalogue->verify(made.digest);
    ASSERT_FALSE(verdict);
    EXPECT_EQ(Errc::DigestMismatch, verdict.error().code);
    EXPECT_THAT(verdict.error().message(), HasSubstr("/image"));
    flip("image", offset);
  }
  for (const std::uint64_t block : {0U, 3U}) {
    flip("tree", block * 4096 + 5);
    const auto verdict = catalogue->verify(made.digest);
    ASSERT_FALSE(verdict);
    EXPECT_EQ(Errc::DigestMismatch, verdict.error().code);
    EXPECT_THAT(verdict.error().message(), HasSubstr("/tree, block " + std::to_string(block)));
    flip("tree", block * 4096 + 5);
  }
  EXPECT_TRUE(catalogue->verify(made.digest));
  EXPECT_EQ(Errc::NotFound, catalogue->verify(Digest{}).error().code);
}

// Who may write to the catalogue must not make the donor serve what only the donor may read.
TEST_F(DirectoryCatalogueTest, FollowsNoLinkInsideAnEntry) {
  const Made made = make("image", kImage_bytes, 31);
  ASSERT_TRUE(open()->add(made.image, made.manifest, made.signature));
  for (const char* file : {"image", "tree", "manifest.json", "manifest.json.minisig"}) {
    const std::string place = in_directory(made.digest, file), kept = scratch_.path("kept");
    fs::rename(place, kept);
    fs::create_symlink(kept, place);
    const auto catalogue = open();
    EXPECT_TRUE(catalogue->entries().empty()) << file;
    ASSERT_EQ(1U, catalogue->problems().size()) << file;
    EXPECT_NE(std::string::npos, catalogue->problems()[0].detail.find("symbolic link")) << file;
    fs::remove(place);
    fs::rename(kept, place);
  }
  const std::string entry = directory() + "/" + to_text(made.digest);
  fs::rename(entry, scratch_.path("moved"));
  fs::create_directory_symlink(scratch_.path("moved"), entry);
  EXPECT_TRUE(open()->entries().empty());
  fs::remove(entry);
  fs::rename(scratch_.path("moved"), entry);
  EXPECT_EQ(1U, open()->entries().size());
}

TEST_F(DirectoryCatalogueTest, ServesNoFileOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give files away";
  const Made made = make("image", kImage_bytes, 32);
  ASSERT_TRUE(open()->add(made.image, made.manifest, made.signature));
  // A hard link to a file of root, in a directory of who may add images.
  ASSERT_EQ(0, ::chown((directory() + "/" + to_text(made.digest)).c_str(), 65534, 65534));
  const auto catalogue = open();
  EXPECT_TRUE(catalogue->entries().empty());
  ASSERT_EQ(1U, catalogue->problems().size());
  EXPECT_EQ(Errc::NoPermission, catalogue->problems()[0].code);
}

TEST_F(DirectoryCatalogueTest, ChecksContentsInStepsAndSetsAsideWhatIsWrong) {
  const Made made = make("image", kImage_bytes, 33);
  const auto catalogue = open();
  ASSERT_TRUE(catalogue->add(made.image, made.manifest, made.signature));
  const auto check = [&]() -> Result<int> {
    const auto begun = catalogue->begin_check(made.digest);
    EXPECT_TRUE(begun);
    for (int steps = 1;; ++steps) {
      const auto done = (*begun)->step();
      if (!done) return tl::unexpected(done.error());
      if (*done) return steps;
    }
  };
  EXPECT_LT(2, check().value());
  std::string changed = made.content;
  changed.back() ^= 1;
  std::ofstream(in_directory(made.digest, "image"), std::ios::binary) << changed;
  const auto wrong = check();
  ASSERT_FALSE(wrong);
  EXPECT_EQ(Errc::DigestMismatch, wrong.error().code);
  ASSERT_TRUE(catalogue->set_aside(made.digest, wrong.error()));
  EXPECT_TRUE(catalogue->entries().empty());
  EXPECT_EQ(1U, catalogue->problems().size());
  Bytes out(16);
  EXPECT_EQ(Errc::NotFound, catalogue->read_image(made.digest, 0, out).error().code);
}

}  // namespace
}  // namespace fwr::test
