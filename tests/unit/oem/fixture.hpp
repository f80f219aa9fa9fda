// SPDX-License-Identifier: GPL-3.0-or-later
// What the tests of lib/oem share: codecs that walk our layouts on objects of libfreeipmi.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "oem/ipmi-oem-fwrecover.h"
#include "support/freeipmi_fixture.hpp"
#include "wire/oem.hpp"

namespace fwr::test {

/// Name of a FIID field for a field of a layout.
inline std::string field_name(std::string_view name) {
  std::string field(name);
  std::replace(field.begin(), field.end(), ' ', '_');
  return field;
}

/// Gives every field of a message a random value that it can hold.
class Randomizer {
 public:
  explicit Randomizer(std::mt19937_64& random) : random_(random) {}

  template <std::size_t N, class T>
  void le(std::string_view, T& field) {
    if constexpr (wire::ClosedEnum<T>) {
      field = static_cast<T>(random_() % 2);
    } else {
      field = static_cast<T>(random_() >> (64 - 8 * N));
    }
  }
  template <std::size_t N>
  void bytes(std::string_view, std::array<std::byte, N>& field) {
    std::generate(field.begin(), field.end(), [this] { return any_byte(); });
  }
  template <std::size_t N>
  void text(std::string_view, std::string& field) {
    field.resize(1 + random_() % (N - 1));
    std::generate(field.begin(), field.end(),
                  [this] { return static_cast<char>(' ' + random_() % ('~' - ' ' + 1)); });
  }
  template <std::size_t N>
  void optional_bytes(std::string_view name, std::array<std::byte, N>& field) {
    bytes<N>(name, field);
  }
  template <std::size_t N>
  void padding(std::string_view) {}
  void rest(std::string_view name, Bytes& field) {
    const std::size_t limit =
        name == "text" ? wire::oem::kReportTextLimit_bytes : wire::oem::kReadLimit_bytes;
    field.resize(random_() % (limit + 1));
    std::generate(field.begin(), field.end(), [this] { return any_byte(); });
  }

 private:
  std::byte any_byte() { return static_cast<std::byte>(random_() & 0xffU); }
  std::mt19937_64& random_;
};

template <class Message>
Message random_message(std::mt19937_64& random) {
  Message message{};
  Randomizer randomizer(random);
  Message::layout(randomizer, message);
  return message;
}

/// Sets the FIID fields of the names that the layout has.
class FiidWriter {
 public:
  explicit FiidWriter(fiid_obj_t object) : object_(object) {}

  template <std::size_t N, class T>
  void le(std::string_view name, const T& field) {
    set(name, static_cast<std::uint64_t>(field));
  }
  template <std::size_t N>
  void bytes(std::string_view name, const std::array<std::byte, N>& field) {
    set_data(name, field);
  }
  template <std::size_t N>
  void text(std::string_view name, const std::string& field) {
    std::array<std::byte, N> padded{};
    std::copy_n(as_bytes(field).begin(), std::min(N, field.size()), padded.begin());
    set_data(name, padded);
  }
  template <std::size_t N>
  void optional_bytes(std::string_view name, const std::array<std::byte, N>& field) {
    set_data(name, field);
  }
  template <std::size_t N>
  void padding(std::string_view name) {
    set_data(name, std::array<std::byte, N>{});
  }
  void rest(std::string_view name, const Bytes& field) {
    if (!field.empty()) set_data(name, field);
  }
  void set(std::string_view name, std::uint64_t value) {
    EXPECT_EQ(0, fiid_obj_set(object_, field_name(name).c_str(), value)) << name;
  }

 private:
  void set_data(std::string_view name, ByteView data) {
    EXPECT_EQ(static_cast<int>(data.size()),
              fiid_obj_set_data(object_, field_name(name).c_str(), data.data(), size_of(data)))
        << name;
  }
  fiid_obj_t object_;
};

/// Expects the FIID fields to have the values that the message has.
class FiidComparer {
 public:
  explicit FiidComparer(fiid_obj_t object) : object_(object) {}

  template <std::size_t N, class T>
  void le(std::string_view name, const T& field) {
    expect(name, static_cast<std::uint64_t>(field));
  }
  template <std::size_t N>
  void bytes(std::string_view name, const std::array<std::byte, N>& field) {
    expect_data(name, field);
  }
  template <std::size_t N>
  void text(std::string_view name, const std::string& field) {
    std::array<std::byte, N> padded{};
    std::copy_n(as_bytes(field).begin(), std::min(N, field.size()), padded.begin());
    expect_data(name, padded);
  }
  template <std::size_t N>
  void optional_bytes(std::string_view name, const std::array<std::byte, N>& field) {
    expect_data(name, field);
  }
  template <std::size_t N>
  void padding(std::string_view name) {
    expect_data(name, std::array<std::byte, N>{});
  }
  void rest(std::string_view name, const Bytes& field) { expect_data(name, field); }
  void expect(std::string_view name, std::uint64_t value) {
    std::uint64_t found = 0;
    EXPECT_EQ(1, fiid_obj_get(object_, field_name(name).c_str(), &found)) << name;
    EXPECT_EQ(value, found) << name;
  }

 private:
  void expect_data(std::string_view name, ByteView data) {
    const Bytes found = assembled([&](std::byte* out, unsigned int size) {
      return fiid_obj_get_data(object_, field_name(name).c_str(), out, size);
    });
    EXPECT_EQ(to_hex(data), to_hex(found)) << name;
  }
  fiid_obj_t object_;
};

}  // namespace fwr::test
