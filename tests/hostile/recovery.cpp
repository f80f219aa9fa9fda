// SPDX-License-Identifier: GPL-3.0-or-later
// Configuration, run and outcome of a recovery.
#include "recovery.hpp"

#include <filesystem>
#include <sstream>

#include "intruder.hpp"

namespace fwr::hostile {

::testing::AssertionResult recovers(DonorProcess& donor, const Honest& honest) {
  static unsigned runs = 0;
  const test::Scratch& scratch = donor.scratch();
  const std::string own = "recipient-" + std::to_string(++runs);
  const std::string directory = scratch.path(own);
  std::filesystem::create_directory(directory);
  std::ostringstream config;
  config << "[system]\nmanufacturer = 32473\nproduct = 7\n[slots]\na = \"" << directory
         << "/slot-a\"\nb = \"" << directory << "/slot-b\"\nsize = \"4MiB\"\nstate = \""
         << directory << "/state\"\n[trust]\nkeys = [\"" << scratch.path("vendor.pub")
         << "\"]\n[donor]\nuser = \"" << honest.account.name << "\"\npassword_file = \""
         << scratch.path("password-" + std::string(honest.account.name))
         << "\"\n[lan]\ntargets = [\"127.0.0.1:" << donor.port() << "\"]\nbroadcast = false\n"
         << honest.lan << "[policy]\noffer_window = \"1s\"\n"
         << honest.policy;
  const std::string log = scratch.put(own + ".log", "");
  Process recovery({program("FWRECOVER"), "--config", scratch.put(own + ".toml", config.str()),
                    "--json", "request"},
                   log);
  const auto status = recovery.wait(honest.patience);
  if (status.value_or(-1) != 0)
    return ::testing::AssertionFailure()
           << (status ? "ended with " + std::to_string(*status) : "did not end") << ":\n"
           << scratch.get(own + ".log");
  // The first recovery goes to the slot that is not active.
  const std::string slot = scratch.get(own + "/slot-b");
  if (slot.find(as_text(donor.image())) == std::string::npos)
    return ::testing::AssertionFailure() << "the image is not in the slot";
  return ::testing::AssertionSuccess();
}

}  // namespace fwr::hostile
