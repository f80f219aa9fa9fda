// SPDX-License-Identifier: GPL-3.0-or-later
// One layout of a message drives its reader, its writer and its printed table.
//
// A message type has:
//   template <class Codec, class Self> static void layout(Codec& c, Self& m)
// that names its fields in order. The codecs below walk it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/bytes.hpp"

namespace fwr::wire {

/// An enum with is_known(T) takes no other values from a peer.
template <class T>
concept ClosedEnum = std::is_enum_v<T> && requires(T value) {
  is_known(value);
};

/// Fills a message from bytes. A value that a closed enum, a fixed field or a text field cannot
/// hold is latched, and finish() names the field.
class LayoutReader {
 public:
  explicit LayoutReader(ByteView bytes) : reader_(bytes) {}

  template <std::size_t N, class T>
  void le(std::string_view name, T& field) {
    const auto value = static_cast<T>(reader_.le<N>());
    if constexpr (ClosedEnum<T>) {
      if (!is_known(value)) return latch(name);
    }
    field = value;
  }
  template <std::size_t N>
  void fixed(std::string_view name, std::uint64_t value) {
    if (reader_.le<N>() != value) latch(name);
  }
  /// Bit b0; the others are reserved.
  void flag(std::string_view, bool& b0) { b0 = (reader_.u8() & 0x01U) != 0; }
  /// How many items follow, one byte; the caller reads the items.
  template <class Items>
  void count(std::string_view, Items& items) {
    items.resize(reader_.u8());
  }
  template <std::size_t N>
  void bytes(std::string_view, std::array<std::byte, N>& field) {
    reader_.copy_to(field);
  }
  /// Printable ASCII padded with zeros to N bytes. Bytes after the first zero must be zero.
  template <std::size_t N>
  void text(std::string_view name, std::string& field) {
    read_text(name, reader_.take(N), field);
  }
  template <std::size_t N>
  void reserved(std::string_view) {
    (void)reader_.take(N);
  }
  /// Zero bytes that a short form of the message leaves out (PROTOCOL §5.1, §5.2).
  template <std::size_t N>
  void padding(std::string_view) {
    (void)reader_.take(std::min(N, reader_.remaining()));
  }
  /// Padding that has a meaning in later releases: what is missing is zero. PROTOCOL §5.2.
  template <std::size_t N>
  void optional_bytes(std::string_view, std::array<std::byte, N>& field) {
    const ByteView view = reader_.take(std::min(N, reader_.remaining()));
    field = {};
    std::copy(view.begin(), view.end(), field.begin());
  }
  void rest(std::string_view, Bytes& field) {
    const ByteView view = reader_.take_rest();
    field.assign(view.begin(), view.end());
  }
  /// The field views the bytes that are being decoded.
  void rest(std::string_view, ByteView& field) { field = reader_.take_rest(); }
  /// PROTOCOL §10: bytes after the known fields are from a later version.
  [[nodiscard]] Result<> finish(std::string_view what) const;

 private:
  void read_text(std::string_view name, ByteView bytes, std::string& field);
  void latch(std::string_view name) {
    if (bad_field_.empty()) bad_field_ = name;
  }
  ByteReader reader_;
  std::string_view bad_field_;
};

/// Appends a message to a ByteWriter.
class LayoutWriter {
 public:
  explicit LayoutWriter(ByteWriter& writer) : writer_(writer) {}

  template <std::size_t N, class T>
  void le(std::string_view, const T& field) {
    writer_.le<N>(static_cast<std::uint64_t>(field));
  }
  template <std::size_t N>
  void fixed(std::string_view, std::uint64_t value) {
    writer_.le<N>(value);
  }
  void flag(std::string_view, const bool& b0) { writer_.u8(b0 ? 0x01 : 0x00); }
  template <class Items>
  void count(std::string_view, const Items& items) {
    writer_.u8(static_cast<std::uint8_t>(items.size()));
  }
  template <std::size_t N>
  void bytes(std::string_view, const std::array<std::byte, N>& field) {
    writer_.bytes(field);
  }
  template <std::size_t N>
  void text(std::string_view, const std::string& field) {
    const ByteView view = as_bytes(std::string_view(field).substr(0, N));
    writer_.bytes(view);
    writer_.zeros(N - view.size());
  }
  template <std::size_t N>
  void reserved(std::string_view) {
    writer_.zeros(N);
  }
  template <std::size_t N>
  void padding(std::string_view) {
    writer_.zeros(N);
  }
  template <std::size_t N>
  void optional_bytes(std::string_view, const std::array<std::byte, N>& field) {
    writer_.bytes(field);
  }
  void rest(std::string_view, ByteView field) { writer_.bytes(field); }

 private:
  ByteWriter& writer_;
};

/// Prints the first two columns of PROTOCOL's byte tables, so that a test can compare them.
class LayoutTable {
 public:
  /// `first` is the number of the first byte: 1 in commands, 0 in the image stream.
  explicit LayoutTable(std::size_t first) : position_(first) {}

  template <std::size_t N, class T>
  void le(std::string_view name, const T&) {
    row(N, name);
  }
  template <std::size_t N>
  void fixed(std::string_view name, std::uint64_t) {
    row(N, name);
  }
  void flag(std::string_view name, const bool&) { row(1, name); }
  template <class Items>
  void count(std::string_view name, const Items&) {
    row(1, name);
  }
  template <std::size_t N>
  void bytes(std::string_view name, const std::array<std::byte, N>&) {
    row(N, name);
  }
  template <std::size_t N>
  void text(std::string_view name, const std::string&) {
    row(N, name);
  }
  template <std::size_t N>
  void reserved(std::string_view name) {
    row(N, name);
  }
  template <std::size_t N>
  void padding(std::string_view name) {
    row(N, name);
  }
  template <std::size_t N>
  void optional_bytes(std::string_view name, const std::array<std::byte, N>&) {
    row(N, name);
  }
  void rest(std::string_view name, ByteView);
  /// A row of its own, for example the completion code.
  void row(std::size_t size, std::string_view name);
  [[nodiscard]] const std::vector<std::string>& rows() const { return rows_; }

 private:
  std::size_t position_;
  std::vector<std::string> rows_;
};

/// Decodes a whole message, leaving bytes of later versions alone.
template <class Message>
[[nodiscard]] Result<Message> decode(ByteView bytes) {
  Message message{};
  LayoutReader reader(bytes);
  Message::layout(reader, message);
  if (auto done = reader.finish(Message::kName); !done) return tl::unexpected(done.error());
  return message;
}

template <class Message>
[[nodiscard]] Bytes encode(const Message& message) {
  ByteWriter writer(64);
  LayoutWriter layout(writer);
  Message::layout(layout, message);
  return std::move(writer).release();
}

}  // namespace fwr::wire
