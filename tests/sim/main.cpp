// SPDX-License-Identifier: GPL-3.0-or-later
// fwr-sim: runs seeds of the simulator, or one seed with its trace.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>

#include "recipient/recovery.hpp"
#include "run.hpp"

namespace {

using namespace fwr::sim;

struct Options {
  std::uint64_t seed = 0;
  Campaign campaign;
  std::vector<std::size_t> without;
  bool trace = false;
  bool coverage = false;
  bool brief = false;
  bool fingerprint = false;
  std::string program;
};

std::string joined(const Without& without) {
  std::string text;
  for (const std::size_t part : without) text += (text.empty() ? "" : ",") + std::to_string(part);
  return text;
}

double seconds(fwr::TimePoint at) {
  return std::chrono::duration<double>(at - kBegin).count();
}

void print_violation(std::uint64_t seed, const Violation& violation) {
  fmt::print("seed {}: {} VIOLATED at {:.6f} s, step {}: {}\n", seed, violation.checker,
             violation.at == fwr::TimePoint{} ? 0.0 : seconds(violation.at), violation.step,
             violation.text);
}

void print_fingerprint(const Fingerprint& fingerprint) {
  fmt::print("fingerprint:");
  for (std::size_t i = 0; i < kStrands; ++i)
    fmt::print(" {} {:016x}", to_text(static_cast<Strand>(i)), fingerprint.at(i));
  fmt::print("\n");
}

int run_one(const Options& options) {
  const Without without(options.without.begin(), options.without.end());
  fmt::print("{}", Plan::from_seed(options.seed, without).describe());
  const RunResult result = run_seed(options.seed, without, options.trace);
  for (const std::string& line : result.lines) fmt::print("{}\n", line);
  fmt::print("seed {}: {} steps, {} datagrams, {:.1f} s of virtual time, trace {:016x}\n",
             options.seed, result.totals.steps, result.totals.datagrams,
             static_cast<double>(result.totals.virtual_ms) / 1000, result.hash);
  if (options.fingerprint) print_fingerprint(result.totals.fingerprint);
  if (!result.violation) return 0;
  print_violation(options.seed, *result.violation);
  return 1;
}

/// The smallest run that shows the same, and how to see it again.
void explain(const Options& options, const Failure& failure) {
  print_violation(failure.seed, failure.violation);
  std::fflush(stdout);
  const Without without = shrink(failure.seed, failure.violation.checker);
  const std::string leave_out = without.empty() ? "" : " --without " + joined(without);
  fmt::print("What is left when everything goes that it does not need:\n{}",
             Plan::from_seed(failure.seed, without).describe());
  if (failure.violation.checker != "crash" && failure.violation.checker != "hang") {
    constexpr std::size_t kLastLines = 60;
    const RunResult result = run_seed(failure.seed, without, true);
    const std::size_t from = result.lines.size() - std::min(result.lines.size(), kLastLines);
    for (std::size_t i = from; i < result.lines.size(); ++i) fmt::print("{}\n", result.lines[i]);
  }
  fmt::print("Again:  {} --seed {}{} --trace\n", options.program, failure.seed, leave_out);
}

/// So many take every row, unless something is wrong. What fewer do not reach is only reported.
constexpr std::uint64_t kCoverage_seeds = 3000;

/// Prints all tables; the number of rows that no seed has taken.
std::size_t print_coverage(const Totals& totals) {
  std::size_t missing = 0;
  const auto line = [&](std::string_view from, std::string_view event, std::string_view to,
                        std::uint64_t count) {
    if (count == 0) ++missing;
    fmt::print("  {:14} {:18} {:14} {:>10}{}\n", from, event, to, count,
               count == 0 ? "  MISSING" : "");
  };
  std::size_t rows = 0;
  const auto print_rows = [&](const auto& table, const auto& counts, std::size_t first) {
    for (std::size_t i = 0; i < table.size(); ++i)
      line(to_text(table[i].from), to_text(table[i].event), to_text(table[i].to),
           counts.at(first + i));
    rows += table.size();
  };
  fmt::print("Rows of PROTOCOL 6.4, recipient:\n");
  print_rows(fwr::recipient::recovery_table(), totals.recipient_rows, 0);
  fmt::print("Rows of PROTOCOL 6.4, its talk with a donor:\n");
  print_rows(fwr::recipient::talk_table(), totals.recipient_rows,
             fwr::recipient::recovery_table().size());
  fmt::print("Rows of PROTOCOL 6.3, lease:\n");
  print_rows(fwr::donor::lease_table(), totals.lease_rows, 0);
  fmt::print("{} of {} rows taken\n", rows - missing, rows);
  return missing;
}

/// The number of things that never happened on any bus.
std::size_t print_buses(const Totals& totals) {
  std::size_t missing = 0;
  fmt::print("On buses:\n");
  for (std::size_t i = 0; i < kBusCounts; ++i) {
    const std::uint64_t count = totals.bus.at(i);
    if (count == 0) ++missing;
    fmt::print("  {:24} {:>12}{}\n", to_text(static_cast<BusCount>(i)), count,
               count == 0 ? "  MISSING" : "");
  }
  return missing;
}

void print_totals(const CampaignResult& result) {
  const Totals& totals = result.totals;
  fmt::print("Faults injected:\n");
  for (std::size_t i = 0; i < kFaultKinds; ++i)
    fmt::print("  {:24} {:>12}\n", to_text(static_cast<FaultKind>(i)), totals.injected.at(i));
  fmt::print("Recoveries that ended:\n  {:24} {:>12}\n", "recovered",
             totals.outcomes.at(kOutcomes - 1));
  for (std::size_t i = 0; i + 1 < kOutcomes; ++i)
    if (totals.outcomes.at(i) > 0)
      fmt::print("  {:24} {:>12}\n", fwr::info(static_cast<fwr::Errc>(i)).name,
                 totals.outcomes.at(i));
  fmt::print("Slowest seeds:");
  for (const Slow& slow : result.slowest)
    fmt::print(" {} ({:.0f} ms)", slow.seed, static_cast<double>(slow.micros) / 1000);
  fmt::print("\n");
}

int run_many(const Options& options) {
  const CampaignResult result = run_campaign(options.campaign);
  const Totals& totals = result.totals;
  if (!options.brief) print_totals(result);
  std::size_t missing = 0;
  if (options.coverage) missing = print_coverage(totals);
  if (options.coverage && options.campaign.bus > 0) missing += print_buses(totals);
  for (const Failure& failure : result.failures) {
    if (options.brief)
      print_violation(failure.seed, failure.violation);
    else
      explain(options, failure);
  }
  if (options.fingerprint) print_fingerprint(totals.fingerprint);
  fmt::print(
      "{} seeds from {}, {} failures, {:.1f} seeds/s ({:.2f} ms CPU a seed), {} datagrams, {:.0f} "
      "h of virtual time, {} power cuts\n",
      totals.runs, options.campaign.first, result.failures.size(),
      static_cast<double>(totals.runs) / result.wall_s,
      result.cpu_s * 1000 / static_cast<double>(std::max<std::uint64_t>(totals.runs, 1)),
      totals.datagrams, static_cast<double>(totals.virtual_ms) / 3.6e6, totals.power_cuts);
  if (missing == 0) return result.failures.empty() ? 0 : 1;
  const bool must_have_all = totals.runs >= kCoverage_seeds;
  fmt::print("{} rows or events never occurred: {}\n", missing,
             must_have_all
                 ? "that is a failure"
                 : fmt::format("that is no failure with less than {} seeds", kCoverage_seeds));
  return result.failures.empty() && !must_have_all ? 0 : 1;
}

int run(int argc, char** argv) {
  Options options;
  options.program = argv[0];
  CLI::App app("Runs recoveries on a simulated network with simulated flash; a seed decides all");
  auto* one = app.add_option("--seed", options.seed, "Run this seed only");
  app.add_option("--without", options.without,
                 "Leave these parts of the plan out (numbers, with commas)")
      ->delimiter(',')
      ->needs(one);
  app.add_flag("--trace", options.trace, "Print what happens")->needs(one);
  app.add_option("--first", options.campaign.first, "First seed")->capture_default_str();
  app.add_option("--seeds", options.campaign.count, "How many")->capture_default_str();
  app.add_option("--bus", options.campaign.bus, "How many more with a bus")->capture_default_str();
  app.add_option("--jobs", options.campaign.jobs, "In parallel")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--stop-after", options.campaign.stop_after, "Failures of one job")
      ->capture_default_str();
  app.add_flag(
      "--coverage", options.coverage,
      "Every row of both tables must be taken, and everything happen that may happen on a bus");
  app.add_flag("--fingerprint", options.fingerprint,
               "Print hashes over all datagrams, file operations, events and states: a change of "
               "the code without a change of behaviour leaves them as they are");
  app.add_flag("--brief", options.brief, "One line for a failure, and one at the end");
  CLI11_PARSE(app, argc, argv);
  return *one ? run_one(options) : run_many(options);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    (void)std::fputs(error.what(), stderr);
    return 2;
  }
}
