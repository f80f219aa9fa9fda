// SPDX-License-Identifier: GPL-3.0-or-later
// Configuration, run and outcome of a recovery.
#include "recovery.hpp"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "intruder.hpp"

namespace fwr::hostile {

Outcome recover(DonorProcess& donor, const Honest& honest) {
  static std::atomic<unsigned> runs = 0;
  const auto began = std::chrono::steady_clock::now();
  const test::Scratch& scratch = donor.scratch();
  const std::string own = "recipient-" + std::to_string(++runs);
  const std::string directory = scratch.path(own);
  std::filesystem::create_directory(directory);
  const std::string target =
      honest.target.empty() ? "127.0.0.1:" + std::to_string(donor.port()) : honest.target;
  // A deliberately broken build takes the place of the good one when the harness itself is tested.
  const char* other = std::getenv("FWR_HOSTILE_RECIPIENT");
  std::ostringstream config;
  config << "[system]\nmanufacturer = 32473\nproduct = 7\n[slots]\na = \"" << directory
         << "/slot-a\"\nb = \"" << directory << "/slot-b\"\nsize = \"4MiB\"\nstate = \""
         << directory << "/state\"\n[trust]\nkeys = [\"" << scratch.path("vendor.pub")
         << "\"]\n[donor]\nuser = \"" << honest.account.name << "\"\npassword_file = \""
         << scratch.path("password-" + std::string(honest.account.name))
         << "\"\n[lan]\ntargets = [\"" << target << "\"]\nbroadcast = false\n"
         << honest.lan << "[policy]\noffer_window = \"1s\"\n"
         << honest.policy;
  const std::string log = scratch.put(own + ".log", "");
  Process recovery({other != nullptr ? other : program("FWRECOVER"), "--config",
                    scratch.put(own + ".toml", config.str()), "--json", "request"},
                   log);
  Outcome outcome;
  outcome.status = recovery.wait(honest.patience);
  outcome.took_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  outcome.log = scratch.get(own + ".log");
  // The first recovery goes to the slot that is not active.
  outcome.slot = scratch.get(own + "/slot-b");
  return outcome;
}

::testing::AssertionResult recovers(DonorProcess& donor, const Honest& honest) {
  const Outcome outcome = recover(donor, honest);
  if (outcome.status.value_or(-1) != 0)
    return ::testing::AssertionFailure()
           << (outcome.status ? "ended with " + std::to_string(*outcome.status) : "did not end")
           << ":\n"
           << outcome.log;
  if (outcome.slot.find(as_text(donor.image())) == std::string::npos)
    return ::testing::AssertionFailure() << "the image is not in the slot";
  return ::testing::AssertionSuccess();
}

}  // namespace fwr::hostile
