// SPDX-License-Identifier: GPL-3.0-or-later
// The table of boot loaders, and the one that has nothing to set.
#include "flash/bootloader.hpp"

#include <array>
#include <string>

namespace fwr::flash {
namespace {

/// "none": the state record says everything.
class RecordOnly final : public Bootloader {
 public:
  Result<> select(SlotId /*slot*/, unsigned /*tries*/) override { return {}; }
  Result<> confirm(SlotId /*slot*/) override { return {}; }
  Result<std::optional<SlotId>> read() override { return std::nullopt; }
};

struct Kind {
  std::string_view name;
  std::unique_ptr<Bootloader> (*open)();
};
constexpr std::array kKinds{
    Kind{"none", [] { return std::unique_ptr<Bootloader>(std::make_unique<RecordOnly>()); }},
};

}  // namespace

Result<std::unique_ptr<Bootloader>> open_bootloader(std::string_view kind) {
  for (const Kind& row : kKinds)
    if (row.name == kind) return row.open();
  return fail(Errc::BadConfiguration, "there is no boot loader \"" + std::string(kind) + "\"");
}

}  // namespace fwr::flash
