// SPDX-License-Identifier: GPL-3.0-or-later
// The parts of the layout codecs that need no template.
#include "wire/layout.hpp"

namespace fwr::wire {

void LayoutReader::read_text(std::string_view name, ByteView bytes, std::string& field) {
  const std::string_view text = as_text(bytes);
  const std::string_view used = text.substr(0, text.find('\0'));
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  const bool padded = text.find_first_not_of('\0', used.size()) == std::string_view::npos;
  if (!padded || !std::all_of(used.begin(), used.end(), printable)) return latch(name);
  field = used;
}

Result<> LayoutReader::finish(std::string_view what) const {
  if (auto complete = reader_.finish_open(what); !complete) return complete;
  if (!bad_field_.empty())
    return fail(Errc::BadField, std::string(what) + ", " + std::string(bad_field_));
  return {};
}

void LayoutTable::rest(std::string_view name, ByteView) {
  rows_.push_back("| " + std::to_string(position_) + ": | " + std::string(name) + " |");
}

void LayoutTable::row(std::size_t size, std::string_view name) {
  std::string bytes = std::to_string(position_);
  if (size > 1) bytes += ":" + std::to_string(position_ + size - 1);
  rows_.push_back("| " + bytes + " | " + std::string(name) + " |");
  position_ += size;
}

}  // namespace fwr::wire
