// SPDX-License-Identifier: GPL-3.0-or-later
// Keeps a service record registered, although the service that holds it may go and come back.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/error.hpp"
#include "base/types.hpp"

namespace fwr::transport {

/// The record lives as long as this object, or as long as the service that keeps it.
class ServiceRecord {
 public:
  ServiceRecord() = default;
  ServiceRecord(const ServiceRecord&) = delete;
  ServiceRecord& operator=(const ServiceRecord&) = delete;
  ServiceRecord(ServiceRecord&&) = delete;
  ServiceRecord& operator=(ServiceRecord&&) = delete;
  virtual ~ServiceRecord() = default;

  /// Waits until the record is lost, or until `stop` is readable. True: it is lost.
  [[nodiscard]] virtual bool wait_until_lost(int stop) = 0;
};

/// Works on a thread of its own, because the calls that register a record block.
class RecordKeeper {
 public:
  /// Runs on the detached thread: it has to own what it uses.
  using Register = std::function<Result<std::unique_ptr<ServiceRecord>>()>;
  struct Times {
    Duration first = std::chrono::seconds(1);  ///< doubling
    Duration limit = std::chrono::seconds(15);
  };

  /// Without `record` it begins as if one had been lost. When the system gives no thread, it only
  /// keeps the record.
  RecordKeeper(std::unique_ptr<ServiceRecord> record, Register again, Times times);
  RecordKeeper(const RecordKeeper&) = delete;
  RecordKeeper& operator=(const RecordKeeper&) = delete;
  RecordKeeper(RecordKeeper&&) = delete;
  RecordKeeper& operator=(RecordKeeper&&) = delete;
  ~RecordKeeper();

  /// Readable when there is news. Negative: the system gave none, and there never will be.
  [[nodiscard]] int descriptor() const;
  enum class News { Lost, Registered };
  /// The oldest of the last few.
  [[nodiscard]] std::optional<News> poll();

 private:
  struct Shared;
  static void work(Shared& shared);
  std::shared_ptr<Shared> shared_;
};

}  // namespace fwr::transport
