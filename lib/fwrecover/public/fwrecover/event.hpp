// SPDX-License-Identifier: GPL-3.0-or-later
// What operations of libfwrecover tell: events while they run, one conclusion at their end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "fwrecover/export.hpp"

namespace fwrecover {

/// A field of an event. Times are seconds, sizes bytes, digests and GUIDs text. Text is valid UTF-8
/// without control characters: whatever else a peer put into it is a question mark.
using Value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;

/// One thing that happened, as a name and fields in order. The names, their fields and their types
/// are documented in fwrecover(8), JSON OUTPUT; they are stable.
class FWR_API Event {
 public:
  explicit Event(std::string name) : name_(std::move(name)) {}
  Event& set(std::string key, Value value) &;
  Event&& set(std::string key, Value value) &&;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::vector<std::pair<std::string, Value>>& fields() const { return fields_; }
  /// The field's value, or false, zero or empty when there is none of that type.
  [[nodiscard]] bool flag(std::string_view key) const;
  [[nodiscard]] std::int64_t number(std::string_view key) const;
  [[nodiscard]] double real(std::string_view key) const;
  [[nodiscard]] std::string text(std::string_view key) const;
  [[nodiscard]] std::vector<std::string> list(std::string_view key) const;
  [[nodiscard]] bool has(std::string_view key) const;

 private:
  [[nodiscard]] const Value* find(std::string_view key) const;
  std::string name_;
  std::vector<std::pair<std::string, Value>> fields_;
};

/// Called from inside an operation, on its thread. It must not call back into the object.
class FWR_API Observer {
 public:
  virtual ~Observer();
  virtual void on_event(const Event& event) = 0;
};

/// How an operation ended. `code` is the stable name of an error ("no-donor-answered"), or "ok".
struct FWR_API Conclusion {
  int exit_code = 0;  ///< fwrecover(8), EXIT STATUS
  std::string code = "ok";
  std::string message;     ///< what happened, for people
  std::string advice;      ///< what to do next; may be empty
  std::string cause = {};  ///< name of the error of the donor that failed first; empty: none did
  [[nodiscard]] bool ok() const { return exit_code == 0; }
};

}  // namespace fwrecover
