// SPDX-License-Identifier: GPL-3.0-or-later
// Whether two files or devices are the same storage, by what the kernel says of block devices.
#include "flash/storage_file.hpp"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "file/file.hpp"

namespace fwr::flash {
namespace {

namespace fs = std::filesystem;

/// More layers than any system stacks; also ends a circle of links.
constexpr std::size_t kDevices_limit = 64;
constexpr std::size_t kAttribute_bytes = 4096;  ///< what an attribute of sysfs has at most

/// An attribute without the line feed at its end; nullopt when it is not there.
std::optional<std::string> attribute(const std::string& path) {
  const UniqueFd fd = file::open(path, O_RDONLY);
  if (!fd.is_open()) return std::nullopt;
  std::string text(kAttribute_bytes, '\0');
  if (!file::read_padded(fd.get(), 0, std::as_writable_bytes(std::span(text)))) return std::nullopt;
  text.resize(std::min(text.find_first_of(std::string_view("\n\0", 2)), text.size()));
  return text;
}

/// "8:1"
std::optional<dev_t> parse_device(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const char* end = text->data() + text->size();
  unsigned major_number = 0;
  unsigned minor_number = 0;
  const auto [colon, error] = std::from_chars(text->data(), end, major_number);
  if (error != std::errc{} || colon == end || *colon != ':') return std::nullopt;
  if (std::from_chars(colon + 1, end, minor_number).ec != std::errc{}) return std::nullopt;
  return ::makedev(major_number, minor_number);
}

/// Walks from a device down to everything that it lies on.
class Foundations {
 public:
  Foundations(const std::string& sysfs, const file::Stat& sought)
      : sysfs_(sysfs), sought_(sought) {}

  [[nodiscard]] bool reach(dev_t from) {
    visit(from);
    // visit() appends while this runs.
    for (std::size_t i = 0; i < devices_.size() && !found_; ++i) below(devices_[i]);
    return found_;
  }

 private:
  void visit(dev_t device) {
    if (S_ISBLK(sought_.st_mode) && device == sought_.st_rdev) found_ = true;
    const bool known = std::find(devices_.begin(), devices_.end(), device) != devices_.end();
    if (!known && devices_.size() < kDevices_limit) devices_.push_back(device);
  }

  void below(dev_t device) {
    const std::string place = sysfs_ + "/dev/block/" + std::to_string(::major(device)) + ":" +
                              std::to_string(::minor(device));
    // The directory of a partition is inside that of its disk.
    if (attribute(place + "/partition"))
      if (const auto disk = parse_device(attribute(place + "/../dev"))) visit(*disk);
    std::error_code error;
    for (fs::directory_iterator slave(place + "/slaves", error); !error && slave != fs::end(slave);
         slave.increment(error))
      if (const auto under = parse_device(attribute(slave->path().string() + "/dev")))
        visit(*under);
    file::Stat backing{};
    const auto file = attribute(place + "/loop/backing_file");
    if (!file || ::stat(file->c_str(), &backing) != 0) return;
    if (file::same_object(backing, sought_)) found_ = true;
    visit(S_ISBLK(backing.st_mode) ? backing.st_rdev : backing.st_dev);
  }

  const std::string& sysfs_;
  const file::Stat& sought_;
  std::vector<dev_t> devices_;
  bool found_ = false;
};

bool lies_on(const file::Stat& upper, const file::Stat& lower, const std::string& sysfs) {
  const dev_t from = S_ISBLK(upper.st_mode) ? upper.st_rdev : upper.st_dev;
  return Foundations(sysfs, lower).reach(from);
}

}  // namespace

bool share_storage(const file::Stat& a, const file::Stat& b, const std::string& sysfs) {
  return file::same_object(a, b) || lies_on(a, b, sysfs) || lies_on(b, a, sysfs);
}

}  // namespace fwr::flash
