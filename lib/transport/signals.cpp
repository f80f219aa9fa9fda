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
    signals_.async_wait([this](const std::error_code& error, int number) {
      if (!error) number_ = number;
    });
  }

  [[nodiscard]] int number() {
    if (number_ == 0) context_.poll();
    return number_;
  }

 private:
  asio::io_context context_{1};
  asio::signal_set signals_;
  int number_ = 0;
};

Signals::Signals(const std::vector<int>& numbers) : impl_(std::make_unique<Impl>(numbers)) {}
Signals::~Signals() = default;
bool Signals::arrived() {
  return number() != 0;
}
int Signals::number() {
  return impl_->number();
}

}  // namespace fwr::transport
