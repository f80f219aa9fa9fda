// SPDX-License-Identifier: GPL-3.0-or-later
// JSON lines, and words for people.
#include "output.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

namespace tool {
namespace {

using fwrecover::Conclusion;
using fwrecover::Event;
using Json = nlohmann::ordered_json;

constexpr auto kLineInterval = std::chrono::seconds(5);  // progress without a terminal
constexpr std::size_t kBar_columns = 30;

/// Without an error when nobody reads any more: no reason to leave a recovery half done.
void put(std::FILE* stream, std::string_view text) {
  (void)std::fwrite(text.data(), 1, text.size(), stream);
  (void)std::fflush(stream);
}

void print(std::FILE* stream, std::string_view line) {
  put(stream, fmt::format("{}\n", line));
}

void print_json(const Json& object) {
  // A donor's name may hold any bytes: what is not UTF-8 is replaced, never thrown.
  print(stdout, object.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string utc(std::int64_t seconds) {
  if (seconds <= 0) return "unknown time";
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  if (gmtime_r(&time, &parts) == nullptr) return "unknown time";
  return fmt::format("{:%Y-%m-%d %H:%M:%S}Z", parts);
}

std::string short_digest(const Event& event) {
  return event.text("digest").substr(0, 16);
}

std::string value_text(const fwrecover::Value& value) {
  return std::visit(
      [](const auto& held) -> std::string {
        using Held = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<Held, std::vector<std::string>>)
          return fmt::format("{}", fmt::join(held, "; "));
        else
          return fmt::format("{}", held);
      },
      value);
}

/// "name: key value, key value": for events that have no sentence of their own.
std::string generic(const Event& event) {
  std::string line = event.name();
  for (const auto& [key, value] : event.fields())
    line += fmt::format(" {}={}", key, value_text(value));
  return line;
}

/// fwdiag shows offers that no policy has judged.
std::string verdict(const Event& event) {
  if (!event.has("acceptable")) return event.text("donor");
  return fmt::format("{}: {}", event.flag("acceptable") ? "acceptable" : "refused",
                     event.text("reason"));
}

std::vector<std::string> offer_row(const Event& event) {
  return {event.text("address"),
          event.text("role"),
          event.text("medium"),
          event.text("version"),
          fmt::format("{}", event.number("security_version")),
          human_size(static_cast<double>(event.number("size"))),
          fmt::format("{}%", event.number("load")),
          fmt::format("{:.1f} ms", event.real("rtt") * 1000),
          verdict(event)};
}
std::vector<std::string> image_row(const Event& event) {
  return {short_digest(event),
          event.text("name"),
          event.text("component"),
          event.text("version"),
          fmt::format("{}", event.number("security_version")),
          human_size(static_cast<double>(event.number("size"))),
          utc(event.number("created"))};
}
std::vector<std::string> slot_row(const Event& event) {
  return {event.text("slot"),
          event.flag("active") ? "active" : "",
          event.text("state"),
          event.has("version") ? event.text("version") : "-",
          event.has("security_version") ? fmt::format("{}", event.number("security_version")) : "-",
          event.has("problem") ? event.text("problem") : event.text("place")};
}
std::vector<std::string> node_row(const Event& event) {
  return {event.text("address"), event.text("guid")};
}
std::vector<std::string> bluetooth_row(const Event& event) {
  return {event.text("address"), event.text("name"),
          event.has("problem")  ? event.text("problem")
          : event.flag("donor") ? "donor"
                                : "-"};
}
std::vector<std::string> setting_row(const Event& event) {
  return {event.text("name"), event.text("value"), event.text("source")};
}

/// Events that come in numbers are a table for people.
struct Table {
  std::string_view event;
  std::vector<std::string> head;
  std::vector<std::string> (*row)(const Event&);
};
const std::array<Table, 6>& tables() {
  static const std::array<Table, 6> kAll{
      Table{"offer",
            {"DONOR", "ROLE", "MEDIUM", "VERSION", "SECURITY", "SIZE", "LOAD", "RTT", "VERDICT"},
            offer_row},
      Table{"image",
            {"DIGEST", "NAME", "COMPONENT", "VERSION", "SECURITY", "SIZE", "CREATED"},
            image_row},
      Table{"slot", {"SLOT", "", "STATE", "VERSION", "SECURITY", "PLACE"}, slot_row},
      Table{"bt-device", {"ADDRESS", "NAME", "DONOR"}, bluetooth_row},
      Table{"icmb-node", {"ADDRESS", "GUID"}, node_row},
      Table{"setting", {"SETTING", "VALUE", "SOURCE"}, setting_row}};
  return kAll;
}
const Table* table_of(std::string_view event) {
  const auto* found = std::find_if(tables().begin(), tables().end(),
                                   [&](const Table& table) { return table.event == event; });
  return found == tables().end() ? nullptr : found;
}

std::string image_words(const Event& event) {
  return fmt::format("{} {} (security version {}, {}, {})", event.text("name"),
                     event.text("version"), event.number("security_version"),
                     human_size(static_cast<double>(event.number("size"))), short_digest(event));
}

std::string platform_words(const Event& event) {
  std::string words = image_words(event);
  words += fmt::format("\n  digest     {}\n  component  {}\n  created    {}", event.text("digest"),
                       event.text("component"), utc(event.number("created")));
  for (const std::string& platform : event.list("platforms")) words += "\n  platform   " + platform;
  if (event.has("minimum_version"))
    words += "\n  installs from version " + event.text("minimum_version") + " on";
  if (event.has("expires")) words += "\n  expires    " + utc(event.number("expires"));
  return words;
}

std::string donor_status_words(const Event& event) {
  return fmt::format(
      "{}: {} '{}', {}\n  {} images, {} of {} leases, load {}%, up {}\n  {} recovered, {} failed, "
      "{} served",
      event.text("host"), event.text("role"), event.text("name"), event.text("donor"),
      event.number("images"), event.number("leases"), event.number("lease_limit"),
      event.number("load"), human_time(static_cast<double>(event.number("uptime"))),
      event.number("recovered"), event.number("failed"),
      human_size(static_cast<double>(event.number("bytes_served"))));
}

std::string capabilities_words(const Event& event) {
  return fmt::format(
      "{}: protocol {} to {}, {}, media {}, reads of {} bytes, segments of {} bytes, credit {}, {} "
      "leases",
      event.text("host"), event.number("oldest_version"), event.number("version"),
      event.text("role"), value_text(event.list("media")), event.number("read_limit"),
      event.number("segment_limit"), human_size(static_cast<double>(event.number("credit_limit"))),
      event.number("lease_limit"));
}

/// One field a line, below the address.
std::string listed(const Event& event) {
  std::string words = event.text("address");
  for (const auto& [key, value] : event.fields())
    if (key != "address") words += fmt::format("\n  {:<20}{}", key, value_text(value));
  return words;
}

std::string bus_words(const Event& event, bool verbose) {
  const std::string& name = event.name();
  if (name == "bus-node")
    return fmt::format("node {}: {}{}", event.number("node"), event.text("device"),
                       event.has("link") ? " (" + event.text("link") + ")" : "");
  if (name == "bus-change")
    return fmt::format("{}{}", event.text("command"),
                       event.flag("obeyed") ? "" : ": not understood");
  if (name == "icmb-info" || name == "icmb-statistics") return listed(event);
  if (name == "icmb-port" && !verbose && event.text("what") == "address-held") return {};
  if (name == "icmb-port")
    return event.text("what") + (event.has("address") ? " " + event.text("address") : "");
  return generic(event);
}

/// On a line where all is well nothing but what goes wrong is worth a word.
std::string link_words(const Event& event, bool verbose) {
  const std::string what = event.text("what");
  if (!verbose && (what == "address-held" || what.starts_with("peer-"))) return {};
  std::string line = event.text("link") + ": " + what;
  for (const char* key : {"address", "text"})
    if (event.has(key)) line += " " + event.text(key);
  if (event.has("encrypted")) line += event.flag("encrypted") ? ", encrypted" : ", not encrypted";
  return line;
}

std::string history_words(const Event& event) {
  std::string line = fmt::format("{}  {}", utc(event.number("time")), event.text("what"));
  for (const auto& [key, value] : event.fields())
    if (key != "time" && key != "what") line += fmt::format("  {}={}", key, value_text(value));
  return line;
}

/// The sentence for an event; empty: nothing to say at this verbosity.
std::string words(const Event& event, Verbosity verbosity) {
  const std::string& name = event.name();
  const bool verbose = verbosity == Verbosity::Verbose;
  if (name == "state") return verbose ? "state " + event.text("state") : std::string();
  if (name == "finding")
    return fmt::format("{:4}  {}: {}",
                       event.flag("ok")      ? "ok"
                       : event.flag("known") ? "BAD"
                                             : "--",
                       event.text("finding"), event.text("text"));
  if (name == "donor")
    return fmt::format("chose {} ({} at {}): version {}", event.text("address"), event.text("role"),
                       event.text("donor"), event.text("version"));
  if (name == "dropped")
    return fmt::format("gave up {}: {}", event.text("address"), event.text("reason"));
  if (name == "recovered")
    return fmt::format("wrote {}: {} fetched, {} were there already", image_words(event),
                       human_size(static_cast<double>(event.number("fetched"))),
                       human_size(static_cast<double>(event.number("reused"))));
  if (name == "verified" || name == "added" || name == "adopted" || name == "removed" ||
      name == "manifest")
    return fmt::format("{} {}", name, image_words(event));
  if (name == "history") return history_words(event);
  if (name == "link") return link_words(event, verbose);
  if (name == "pong")
    return fmt::format("{}: pong, {:.2f} ms{}", event.text("host"), event.real("rtt") * 1000,
                       event.flag("ipmi") ? ", IPMI" : ", no IPMI");
  if (name == "silent")
    return fmt::format("{}: no answer{}", event.text("host"),
                       event.has("reason") ? ": " + event.text("reason") : "");
  if (name == "asked") return verbose ? event.text("text") : std::string();
  if (name == "declined") return fmt::format("{}: {}", event.text("address"), event.text("reason"));
  if (name == "capabilities") return capabilities_words(event);
  if (name == "donor-status") return donor_status_words(event);
  if (name.starts_with("bus-") || name.starts_with("icmb-")) return bus_words(event, verbose);
  if (name == "health" || name == "status" || name == "rollback" || name == "activated")
    return verbose ? generic(event) : std::string();
  return generic(event);
}

}  // namespace

std::string human_size(double bytes) {
  constexpr std::array kUnits{"B", "KiB", "MiB", "GiB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

std::string human_time(double seconds) {
  const std::int64_t whole = std::llround(seconds);
  if (whole >= 3600)
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

void JsonOutput::on_event(const Event& event) {
  Json object;
  object["event"] = event.name();
  for (const auto& [key, value] : event.fields())
    std::visit([&, &k = key](const auto& held) { object[k] = held; }, value);
  print_json(object);
}

int JsonOutput::finish(const Conclusion& conclusion) {
  Json object;
  object["event"] = "result";
  object["ok"] = conclusion.ok();
  object["code"] = conclusion.code;
  object["message"] = conclusion.message;
  if (!conclusion.advice.empty()) object["advice"] = conclusion.advice;
  object["exit_code"] = conclusion.exit_code;
  print_json(object);
  return conclusion.exit_code;
}

TextOutput::TextOutput(Verbosity verbosity)
    : verbosity_(verbosity), bar_(isatty(STDERR_FILENO) == 1) {}

void TextOutput::on_event(const Event& event) {
  if (event.name() == "problem") {
    end_bar();
    print(stderr, "warning: " + event.text("text"));
    return;
  }
  // That the system runs something else from now on is never silent.
  if (verbosity_ == Verbosity::Quiet && event.name() == "activated")
    print(stderr, event.text("text"));
  if (verbosity_ == Verbosity::Quiet) return;
  if (event.name() == "progress") return progress(event);
  end_bar();
  if (event.name() == "unreachable") return print(stderr, "warning: " + event.text("text"));
  if (!rows_.empty() && table_ != event.name()) flush_table();
  if (event.name() == "image" && event.has("platforms")) {
    print(stdout, platform_words(event));
  } else if (const Table* table = table_of(event.name())) {
    table_ = event.name();
    rows_.push_back(table->row(event));
  } else if (const std::string line = words(event, verbosity_); !line.empty()) {
    print(stdout, line);
  }
}

/// Columns as wide as their widest cell; the last one is not padded.
void TextOutput::flush_table() {
  const Table* table = table_of(table_);
  if (table == nullptr || rows_.empty()) return;
  rows_.insert(rows_.begin(), table->head);
  std::vector<std::size_t> widths(table->head.size());
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i + 1 < row.size(); ++i)
      line += fmt::format("{:{}}  ", row[i], widths[i]);
    print(stdout, line + row.back());
  }
  rows_.clear();
}

void TextOutput::progress(const Event& event) {
  const auto now = std::chrono::steady_clock::now();
  const std::int64_t done = event.number("done");
  const std::int64_t total = std::max<std::int64_t>(event.number("total"), 1);
  if (first_done_ < 0) {
    first_done_ = done;
    began_ = now;
    last_line_ = now;
    flush_table();
  }
  const double elapsed = std::chrono::duration<double>(now - began_).count();
  const double rate = elapsed > 0 ? static_cast<double>(done - first_done_) / elapsed : 0;
  const std::string left = rate > 0 ? human_time(static_cast<double>(total - done) / rate) : "?";
  const auto percent = done * 100 / total;
  const std::string text =
      fmt::format("{:3}%  {} of {}  {}/s  {} left", percent, human_size(static_cast<double>(done)),
                  human_size(static_cast<double>(total)), human_size(rate), left);
  if (bar_) {
    const auto filled =
        static_cast<std::size_t>(done * static_cast<std::int64_t>(kBar_columns) / total);
    put(stderr, fmt::format("\r[{}{}] {}\x1b[K", std::string(filled, '#'),
                            std::string(kBar_columns - std::min(filled, kBar_columns), ' '), text));
    bar_open_ = true;
  } else if (done == total || now - last_line_ >= kLineInterval) {
    last_line_ = now;
    print(stderr, "progress " + text);
  }
}

void TextOutput::end_bar() {
  if (bar_open_) put(stderr, "\n");
  bar_open_ = false;
}

int TextOutput::finish(const Conclusion& conclusion) {
  end_bar();
  if (verbosity_ != Verbosity::Quiet) flush_table();
  if (conclusion.ok()) {
    if (verbosity_ != Verbosity::Quiet && !conclusion.message.empty())
      print(stdout, conclusion.message);
  } else {
    print(stderr, "error: " + conclusion.message);
    if (!conclusion.advice.empty()) print(stderr, "hint: " + conclusion.advice);
  }
  return conclusion.exit_code;
}

LogOutput::LogOutput(Verbosity verbosity) : verbosity_(verbosity) {}

namespace {

void log_line(std::string_view line) {
  // systemd sets it when standard error is the journal, which has its own times (systemd.exec(5)).
  if (std::getenv("JOURNAL_STREAM") != nullptr) return print(stderr, line);
  print(stderr, fmt::format("{} {}", utc(static_cast<std::int64_t>(std::time(nullptr))), line));
}

}  // namespace

void LogOutput::on_event(const Event& event) {
  const bool warning = event.name() == "problem";
  if (verbosity_ == Verbosity::Quiet && !warning) return;
  // An offer is made to everyone who asks: not worth a line in a long log.
  if (event.name() == "offered" && verbosity_ != Verbosity::Verbose) return;
  if (event.name() == "link" && event.text("what").starts_with("peer-") &&
      verbosity_ != Verbosity::Verbose)
    return;
  log_line(warning ? "warning: " + event.text("text") : generic(event));
}

int LogOutput::finish(const Conclusion& conclusion) {
  if (!conclusion.ok()) {
    log_line("error: " + conclusion.message);
    if (!conclusion.advice.empty()) log_line("hint: " + conclusion.advice);
  } else if (verbosity_ != Verbosity::Quiet) {
    log_line(conclusion.message);
  }
  return conclusion.exit_code;
}

}  // namespace tool
