// SPDX-License-Identifier: GPL-3.0-or-later
// What libfreeipmi wants to know of an account, and what its errors are here.
#pragma once

#include <array>
#include <string>

#include "base/error.hpp"
#include "base/types.hpp"
#include "settings/secret.hpp"

namespace fwrecover {

struct BmcAccount {
  fwr::Secret password;
  fwr::Secret kg;  ///< empty: none
};
struct BmcSecretFiles {
  std::string password;  ///< empty: environment FWRECOVER_PASSWORD, IPMI_PASSWORD
  std::string kg;        ///< empty: none
};
[[nodiscard]] fwr::Result<BmcAccount> read_bmc_account(const BmcSecretFiles& files);

/// A secret as a C string, which is wiped.
class SecretText {
 public:
  explicit SecretText(const fwr::Secret& secret);
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  SecretText(SecretText&&) = delete;
  SecretText& operator=(SecretText&&) = delete;
  ~SecretText();
  [[nodiscard]] const char* c_str() const { return text_.data(); }

 private:
  std::array<char, fwr::settings::kSecretLimit_bytes + 1> text_{};  // ends with a zero
};

/// For enum FwrBmcErrorCode, and so for enum FwrDonorErrorCode.
[[nodiscard]] fwr::Errc errc_of_bmc(int code);

}  // namespace fwrecover
