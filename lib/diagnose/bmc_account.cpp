// SPDX-License-Identifier: GPL-3.0-or-later
// Secrets for libfreeipmi, and its errors.
#include "diagnose/bmc_account.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>

#include "oem/bmc_access.h"
#include "settings/secret_environment.hpp"

namespace fwrecover {

using fwr::Errc;

fwr::Result<BmcAccount> read_bmc_account(const BmcSecretFiles& files) {
  BmcAccount account;
  auto password =
      fwr::settings::read_secret(files.password, fwr::settings::kPasswordVariable, "password");
  if (!password) return tl::unexpected(password.error());
  account.password = *std::move(password);
  if (files.kg.empty()) return account;
  auto kg = fwr::settings::read_secret(files.kg, "", "K_g");
  if (!kg) return tl::unexpected(kg.error());
  account.kg = *std::move(kg);
  return account;
}

SecretText::SecretText(const fwr::Secret& secret) {
  const fwr::ByteView bytes = secret.view();
  std::memcpy(text_.data(), bytes.data(), std::min(bytes.size(), text_.size() - 1));
}
SecretText::~SecretText() {
  OPENSSL_cleanse(text_.data(), text_.size());
}

Errc errc_of_bmc(int code) {
  switch (code) {
    case FWR_BMC_BAD_ARGUMENT: return Errc::BadUsage;
    case FWR_BMC_BAD_HOST:
    case FWR_BMC_NO_DEVICE:
    case FWR_BMC_NO_CHANNEL: return Errc::NotFound;
    case FWR_BMC_NO_RESPONSE:
    case FWR_BMC_NO_ANSWER: return Errc::NoResponse;
    case FWR_BMC_AUTHENTICATION: return Errc::AuthenticationFailed;
    case FWR_BMC_NO_CIPHER_SUITE: return Errc::NoCommonCipherSuite;
    case FWR_BMC_PRIVILEGE: return Errc::PrivilegeTooLow;
    case FWR_BMC_SESSION_LIMIT: return Errc::SessionLimit;
    case FWR_BMC_SESSION_LOST: return Errc::SessionLost;
    case FWR_BMC_REJECTED: return Errc::CommandRejected;
    case FWR_BMC_MALFORMED: return Errc::BadField;
    case FWR_BMC_NO_PERMISSION: return Errc::NoPermission;
    default: return Errc::Internal;
  }
}

}  // namespace fwrecover
