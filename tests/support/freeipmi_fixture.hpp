// SPDX-License-Identifier: GPL-3.0-or-later
// libfreeipmi from C++: objects that free themselves, and fields as values.
#pragma once

#include <freeipmi/freeipmi.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "base/bytes.hpp"

namespace fwr::test {

inline constexpr std::size_t kObject_bytes = 2048;  ///< more than any object or packet here

struct FiidDestroy {
  void operator()(fiid_obj* object) const { fiid_obj_destroy(object); }
};
using FiidObject = std::unique_ptr<fiid_obj, FiidDestroy>;

inline FiidObject make_object(fiid_field_t* tmpl) {
  FiidObject object(fiid_obj_create(tmpl));
  EXPECT_NE(nullptr, object);
  return object;
}

template <class Container>
unsigned int size_of(const Container& container) {
  return static_cast<unsigned int>(container.size());
}

/// The bytes that `assemble(buffer, size)` writes; it returns how many, or -1.
template <class Assemble>
Bytes assembled(Assemble assemble) {
  Bytes bytes(kObject_bytes);
  const int length = assemble(bytes.data(), size_of(bytes));
  EXPECT_GE(length, 0);
  bytes.resize(static_cast<std::size_t>(std::max(length, 0)));
  return bytes;
}

inline Bytes all_bytes(const FiidObject& object) {
  return assembled(
      [&](std::byte* out, unsigned int size) { return fiid_obj_get_all(object.get(), out, size); });
}

inline std::uint64_t number(const FiidObject& object, const char* field) {
  std::uint64_t value = 0;
  EXPECT_EQ(1, fiid_obj_get(object.get(), field, &value)) << field;
  return value;
}

inline Bytes data(const FiidObject& object, const char* field) {
  return assembled([&](std::byte* out, unsigned int size) {
    return fiid_obj_get_data(object.get(), field, out, size);
  });
}

}  // namespace fwr::test
