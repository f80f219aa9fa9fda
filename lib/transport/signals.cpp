// SPDX-License-Identifier: GPL-3.0-or-later
// Signals on Asio, which shares them with the event loop.
#include "transport/signals.hpp"

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <system_error>

namespace fwr::transport {

class Signals::Impl {
 public:
  explicit Impl(const std::vector<int>& numbers) : signals_(context_) {
    std::error_code ignored;  // one that cannot be caught ends the process as ever
    for (const int number : numbers) signals_.add(number, ignored);
    signals_.async_wait([this](const std::error_code& error, int) { arrived_ = !error; });
  }

  [[nodiscard]] bool arrived() {
    if (!arrived_) context_.poll();
    return arrived_;
  }

 private:
  asio::io_context context_{1};
  asio::signal_set signals_;
  bool arrived_ = false;
};

Signals::Signals(const std::vector<int>& numbers) : impl_(std::make_unique<Impl>(numbers)) {}
Signals::~Signals() = default;
bool Signals::arrived() {
  return impl_->arrived();
}

}  // namespace fwr::transport
