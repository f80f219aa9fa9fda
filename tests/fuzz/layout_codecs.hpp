// SPDX-License-Identifier: GPL-3.0-or-later
// More codecs for the layouts of wire/layout.hpp: one makes any message out of an input, one lists
// its fields, one tells which bits of its bytes mean something.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "fuzz.hpp"
#include "wire/layout.hpp"

namespace fwr::fuzz {

/// Gives every field a value that it may have.
class LayoutFiller {
 public:
  explicit LayoutFiller(Input& in) : in_(in) {}

  template <std::size_t N, class T>
  void le(std::string_view, T& field) {
    const auto value = static_cast<T>(in_.u64() & (~std::uint64_t{0} >> (64 - 8 * N)));
    if constexpr (wire::ClosedEnum<T>) {
      if (!is_known(value)) return;
    }
    field = value;
  }
  template <std::size_t N>
  void fixed(std::string_view, std::uint64_t) {}
  void flag(std::string_view, bool& b0) { b0 = in_.flag(); }
  template <class Items>
  void count(std::string_view, Items& items) {
    items.resize(1 + in_.below(32));
  }
  template <std::size_t N>
  void bytes(std::string_view, std::array<std::byte, N>& field) {
    field = in_.array<N>();
  }
  template <std::size_t N>
  void text(std::string_view, std::string& field) {
    field.clear();
    const ByteView some = in_.bytes();
    for (const std::byte b : some.first(std::min(some.size(), N)))
      field.push_back(static_cast<char>(' ' + std::to_integer<int>(b) % ('~' - ' ' + 1)));
  }
  template <std::size_t N>
  void reserved(std::string_view) {}
  template <std::size_t N>
  void optional_bytes(std::string_view name, std::array<std::byte, N>& field) {
    bytes<N>(name, field);
  }
  template <std::size_t N>
  void padding(std::string_view) {}
  void rest(std::string_view, Bytes& field) { field = exact(in_.bytes()); }
  void rest(std::string_view, ByteView& field) { field = in_.bytes(); }

 private:
  Input& in_;
};

/// What a message says, in a form that does not depend on how it is written.
class LayoutFields {
 public:
  template <std::size_t N, class T>
  void le(std::string_view, const T& field) {
    values_.push_back(std::to_string(static_cast<std::uint64_t>(field)));
  }
  template <std::size_t N>
  void fixed(std::string_view, std::uint64_t) {}
  void flag(std::string_view, const bool& b0) { values_.emplace_back(b0 ? "set" : "clear"); }
  template <class Items>
  void count(std::string_view, const Items& items) {
    values_.push_back(std::to_string(items.size()));
  }
  template <std::size_t N>
  void bytes(std::string_view, const std::array<std::byte, N>& field) {
    values_.push_back(to_hex(field));
  }
  template <std::size_t N>
  void text(std::string_view, const std::string& field) {
    values_.push_back(field);
  }
  template <std::size_t N>
  void reserved(std::string_view) {}
  template <std::size_t N>
  void optional_bytes(std::string_view name, const std::array<std::byte, N>& field) {
    bytes<N>(name, field);
  }
  template <std::size_t N>
  void padding(std::string_view) {}
  void rest(std::string_view, ByteView field) { values_.push_back(to_hex(field)); }

  [[nodiscard]] const std::vector<std::string>& values() const { return values_; }

 private:
  std::vector<std::string> values_;
};

/// Clears the bits that a receiver ignores (PROTOCOL §10): reserved fields and flags, padding, and
/// what follows the fields of this version. Padding that was left out is put in.
class SignificantBits {
 public:
  explicit SignificantBits(Bytes bytes) : bytes_(std::move(bytes)) {}

  template <std::size_t N, class T>
  void le(std::string_view, const T&) {
    position_ += N;
  }
  template <std::size_t N>
  void fixed(std::string_view, std::uint64_t) {
    position_ += N;
  }
  void flag(std::string_view, const bool&) { bytes_.at(position_++) &= std::byte{0x01}; }
  template <class Items>
  void count(std::string_view, const Items&) {
    ++position_;
  }
  template <std::size_t N>
  void bytes(std::string_view, const std::array<std::byte, N>&) {
    position_ += N;
  }
  template <std::size_t N>
  void text(std::string_view, const std::string&) {
    position_ += N;
  }
  template <std::size_t N>
  void reserved(std::string_view) {
    zeros(N);
  }
  template <std::size_t N>
  void optional_bytes(std::string_view, const std::array<std::byte, N>&) {
    if (bytes_.size() < position_ + N) bytes_.resize(position_ + N);
    position_ += N;
  }
  template <std::size_t N>
  void padding(std::string_view) {
    zeros(N);
  }
  void rest(std::string_view, ByteView) { position_ = bytes_.size(); }

  [[nodiscard]] Bytes release() && {
    bytes_.resize(position_);
    return std::move(bytes_);
  }

 private:
  void zeros(std::size_t count) {
    if (bytes_.size() < position_ + count) bytes_.resize(position_ + count);
    std::fill_n(bytes_.begin() + static_cast<std::ptrdiff_t>(position_), count, std::byte{0});
    position_ += count;
  }
  Bytes bytes_;
  std::size_t position_ = 0;
};

}  // namespace fwr::fuzz
