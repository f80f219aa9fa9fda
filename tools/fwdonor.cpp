// SPDX-License-Identifier: GPL-3.0-or-later
// fwdonor(8): the donor's catalogue on the command line.
#include "command_line.hpp"
#include "fwrecover/donor.hpp"
#include "fwrecover/version.hpp"

namespace {

constexpr std::string_view kStandardOutput = "-";

struct Options {
  tool::Global global;
  fwrecover::ManifestOptions manifest;
  std::string image;
  std::string manifest_file;
  std::string signature;
  std::string wanted;  ///< image of the catalogue
};

fwrecover::Catalogue open(const Options& options) {
  return fwrecover::Catalogue({options.global.config_path, options.global.overrides});
}

void manifest_options(CLI::App& app, Options& options) {
  fwrecover::ManifestOptions& m = options.manifest;
  app.add_option("image", m.image_path, "Image file")->required();
  app.add_option("--name", m.name, "Name for people")->required()->type_name("TEXT");
  app.add_option("--image-version", m.version, "Version")->required()->type_name("VERSION");
  tool::add_number(app, "--security-version", m.security_version,
                   "Rollback guard: rises with security fixes", {0, 0xffffffff})
      ->required();
  app.add_option(
         "--platform", m.platforms,
         "manufacturer=N,product=N,device=N,revision=LOW-HIGH, one or more of them, or the word "
         "any; may be repeated")
      ->required()
      ->type_name("MATCH")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  app.add_option("--component", m.component, "Which firmware it is")
      ->type_name("TEXT")
      ->capture_default_str();
  app.add_option("--minimum-version", m.minimum_version,
                 "Lowest version from which it may be installed")
      ->type_name("VERSION");
  tool::add_time(app, "--created", m.created,
                 "Date, as 2027-06-30, or seconds since 1970 (without: now)");
  tool::add_time(app, "--expires", m.expires,
                 "Date, as 2027-06-30, or seconds since 1970 (without: never)");
  // Nothing but the manifest may come out there.
  const auto only_the_manifest = [&options](const std::string& path) {
    if (path == kStandardOutput) options.global.quiet = true;
  };
  app.add_option("-o,--output", m.output_path,
                 "Manifest file, or - for standard output (without: IMAGE.manifest.json)")
      ->type_name("FILE")
      ->each(only_the_manifest);
}

fwrecover::Conclusion write_manifest(const Options& options, fwrecover::Observer& observer) {
  if (options.global.json && options.manifest.output_path == kStandardOutput)
    return {2, "bad-usage", "--json and --output - both want standard output",
            "Name a file for the manifest."};
  return open(options).manifest(options.manifest, observer);
}

std::vector<tool::Command> commands(Options& options) {
  using fwrecover::Observer;
  const auto image = [&](CLI::App& app) {
    app.add_option("wanted", options.wanted,
                   "Digest or its first characters, version, or NAME=VERSION")
        ->required();
  };
  return {
      {"manifest", "Write the manifest of an image, to be signed with minisign",
       [&](CLI::App& app) { manifest_options(app, options); },
       [&](Observer& o) { return write_manifest(options, o); }, tool::acts},
      {"add", "Verify a signed image and take it into the catalogue",
       [&](CLI::App& app) {
         app.add_option("image", options.image, "Image file")->required();
         app.add_option("--manifest", options.manifest_file,
                        "Manifest file (without: IMAGE.manifest.json)")
             ->type_name("FILE");
         app.add_option("--signature", options.signature,
                        "Signature file (without: MANIFEST.minisig)")
             ->type_name("FILE");
       },
       [&](Observer& o) {
         const std::string manifest = options.manifest_file.empty()
                                          ? options.image + ".manifest.json"
                                          : options.manifest_file;
         return open(options).add(options.image, manifest, options.signature, o);
       },
       tool::acts},
      {"list", "List the catalogue", [](CLI::App&) {},
       [&](Observer& o) { return open(options).list(o); }},
      {"show", "Show one image", image,
       [&](Observer& o) { return open(options).show(options.wanted, o); }},
      {"verify", "Read images again and compare them with their manifests",
       [&](CLI::App& app) {
         app.add_option("wanted", options.wanted,
                        "Digest or its first characters, version, or NAME=VERSION (without: all)");
       },
       [&](Observer& o) { return open(options).verify(options.wanted, o); }},
      {"remove", "Take an image out of the catalogue", image,
       [&](Observer& o) { return open(options).remove(options.wanted, o); }, tool::acts},
  };
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  tool::Program program;
  program.name = "fwdonor";
  program.summary = "Keep the catalogue of firmware images that a donor serves";
  program.default_config = fwrecover::default_donor_file();
  program.commands = commands(options);
  return tool::run_program(program, options.global, argc, argv);
}
