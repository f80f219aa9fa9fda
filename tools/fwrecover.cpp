// SPDX-License-Identifier: GPL-3.0-or-later
// fwrecover(8): the recipient's command line.
#include "command_line.hpp"
#include "fwrecover/recipient.hpp"
#include "fwrecover/version.hpp"

namespace {

struct Options {
  tool::Global global;
  fwrecover::RequestOptions request;
  fwrecover::OffersOptions offers;
  fwrecover::ConfirmOptions confirm;
  bool if_expired = false;
  std::string active;
  std::string manifest;
  std::string signature;
  std::string image;
};

fwrecover::Recipient open(const Options& options) {
  return fwrecover::Recipient({options.global.config_path, options.global.overrides});
}

void whom_to_ask(CLI::App& app, fwrecover::AskOptions& options) {
  app.add_option("--target", options.targets,
                 "Ask this host or range, such as bmc[1-8], or icmb:0x0014@/dev/ttyS1; may be "
                 "repeated")
      ->type_name("HOST")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  app.add_flag_callback(
      "--no-broadcast", [&options] { options.broadcast = false; }, "Ask only the named targets");
}

void signed_manifest(CLI::App& app, Options& options) {
  app.add_option("manifest", options.manifest, "Manifest file")->required();
  app.add_option("--signature", options.signature, "Signature file (without: MANIFEST.minisig)")
      ->type_name("FILE");
}

std::vector<tool::Command> commands(Options& options) {
  using fwrecover::Observer;
  const auto none = [](CLI::App&) {};
  return {
      {"check", "Does the firmware need replacing?", none,
       [&](Observer& o) { return open(options).check(o); }},
      {"request", "Find donors, choose one, recover",
       [&](CLI::App& app) {
         fwrecover::RequestOptions& request = options.request;
         app.add_flag("--if-needed", request.if_needed, "Do nothing when the firmware is healthy");
         app.add_flag("--if-newer", request.if_newer,
                      "Take only a newer image than the installed one");
         app.add_flag("--reinstall", request.reinstall,
                      "Also the very image that is installed and healthy");
         app.add_flag("--again", request.again, "Also an image that was rolled back here");
         app.add_flag("--without-record", request.without_record,
                      "Without a state record, so that no downgrade can be judged");
         app.add_flag("--during-trial", request.during_trial,
                      "Overwrite even the image that a trial could go back to");
         whom_to_ask(app, request.ask);
         constexpr tool::Bounds<std::int64_t> kDeadline_ms{1000, 30LL * 86'400'000};
         tool::add_duration(app, "--deadline", request.ask.deadline_ms,
                            "Time for all of it, such as 90s or 10m", kDeadline_ms);
       },
       [&](Observer& o) { return open(options).request(options.request, o); }, tool::acts},
      {"offers", "Show who offers what, and what the policy says; accept none",
       [&](CLI::App& app) {
         app.add_flag("--verify", options.offers.verify,
                      "Also judge the signed manifests, in a session with each donor");
         whom_to_ask(app, options.offers.ask);
       },
       [&](Observer& o) { return open(options).offers(options.offers, o); }},
      {"status", "Show slots and trial", none,
       [&](Observer& o) { return open(options).status(o); }},
      {"history", "Show what happened so far", none,
       [&](Observer& o) { return open(options).history(o); }},
      {"confirm", "Keep the firmware that is on trial",
       [&](CLI::App& app) {
         app.add_flag("--if-healthy", options.confirm.if_healthy,
                      "Only when check and the commands of [health] find nothing wrong");
       },
       [&](Observer& o) { return open(options).confirm(options.confirm, o); }, tool::acts},
      {"rollback", "Go back to the other slot",
       [&](CLI::App& app) {
         app.add_flag("--if-expired", options.if_expired, "Only when the trial has run out");
       },
       [&](Observer& o) { return open(options).rollback(options.if_expired, o); }, tool::acts},
      {"adopt", "Record that the active slot holds the image of a manifest",
       [&](CLI::App& app) {
         signed_manifest(app, options);
         app.add_option("--active", options.active,
                        "a or b, what the system runs from (without: as recorded)")
             ->check(CLI::IsMember({"a", "b"}))
             ->type_name("SLOT");
       },
       [&](Observer& o) {
         return open(options).adopt({options.manifest, options.signature, options.active}, o);
       },
       tool::acts},
      {"verify", "Check a manifest, its signature, and an image",
       [&](CLI::App& app) {
         signed_manifest(app, options);
         app.add_option("--image", options.image, "Image file to compare with the manifest")
             ->type_name("FILE");
       },
       [&](Observer& o) {
         return open(options).verify(options.manifest, options.signature, options.image, o);
       }},
      {"config", "Show every setting and where it comes from", none,
       [&](Observer& o) { return open(options).config(o); }},
  };
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  tool::Program program;
  program.name = "fwrecover";
  program.summary = "Recover management firmware from peers and management consoles";
  program.default_config = fwrecover::default_recipient_file();
  program.commands = commands(options);
  return tool::run_program(program, options.global, argc, argv);
}
