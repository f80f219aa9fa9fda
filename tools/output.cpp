// SPDX-License-Identifier: GPL-3.0-or-later
// JSON lines, and words for people.
#include "output.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <ctime>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "terminal.hpp"

namespace tool {
namespace {

using fwrecover::Conclusion;
using fwrecover::Event;
using Json = nlohmann::ordered_json;

constexpr auto kLineInterval = std::chrono::seconds(5);  // progress without a terminal
constexpr auto kPace_window = std::chrono::seconds(10);  // what a rate is the mean of
constexpr std::size_t kBar_columns = 30;
constexpr std::size_t kShortestBar_columns = 10;

constexpr auto kOut = Writer::Stream::Out;
constexpr auto kErr = Writer::Stream::Err;

std::string json_line(const Json& object) {
  // A donor's name may hold any bytes: what is not UTF-8 is replaced, never thrown.
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// Seconds since 1970, to the millisecond.
double wall_time() {
  using std::chrono::milliseconds;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<double>(std::chrono::duration_cast<milliseconds>(now).count()) / 1000;
}

std::string lost_lines(std::uint64_t lines) {
  return fmt::format(
      "{} line{} of this output lost: the reader did not read, or it could not be "
      "written",
      lines, lines == 1 ? " was" : "s were");
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
    line += fmt::format(" {}={}", key, quoted(value_text(value)));
  return line;
}

/// The words that it is ranked by repeat the other columns: with -v.
std::string verdict(const Event& event, bool verbose) {
  if (!event.flag("acceptable")) return "refused: " + event.text("reason");
  return verbose ? "acceptable: " + event.text("reason") : "acceptable";
}

Cells measured_row(const Event& event) {
  return {event.text("address"),
          event.text("role"),
          event.text("medium"),
          event.text("version"),
          fmt::format("{}", event.number("security_version")),
          human_size(static_cast<double>(event.number("size"))),
          fmt::format("{}%", event.number("load")),
          fmt::format("{:.1f} ms", event.real("rtt") * 1000)};
}
Cells offer_row(const Event& event, bool verbose) {
  Cells row = measured_row(event);
  row.push_back(verdict(event, verbose));
  return row;
}
/// fwdiag shows offers that no policy has judged.
Cells claim_row(const Event& event, bool) {
  Cells row = measured_row(event);
  row.push_back(event.text("donor"));
  return row;
}
/// fwdiag shows the systems that images are for.
Cells listed_image_row(const Event& event, bool) {
  std::string terms = event.flag("offered") ? "" : "expired";
  if (event.has("minimum_version"))
    terms += (terms.empty() ? "from " : ", from ") + event.text("minimum_version");
  return {event.text("host"),
          short_digest(event),
          event.text("component"),
          event.text("version"),
          fmt::format("{}", event.number("security_version")),
          human_size(static_cast<double>(event.number("size"))),
          value_text(event.list("platforms")),
          terms.empty() ? "-" : terms};
}
Cells image_row(const Event& event, bool) {
  return {short_digest(event),
          event.text("name"),
          event.text("component"),
          event.text("version"),
          fmt::format("{}", event.number("security_version")),
          human_size(static_cast<double>(event.number("size"))),
          utc(event.number("created"))};
}
Cells slot_row(const Event& event, bool) {
  return {event.text("slot"),
          event.flag("active") ? "active" : "",
          event.text("state"),
          event.has("version") ? event.text("version") : "-",
          event.has("security_version") ? fmt::format("{}", event.number("security_version")) : "-",
          event.has("problem") ? event.text("problem") : event.text("place")};
}
Cells node_row(const Event& event, bool) {
  return {event.text("address"), event.text("guid")};
}
Cells bluetooth_row(const Event& event, bool) {
  return {event.text("address"), event.text("name"),
          event.has("problem")  ? event.text("problem")
          : event.flag("donor") ? "donor"
                                : "-"};
}
Cells setting_row(const Event& event, bool) {
  return {event.text("name"), event.text("value"), event.text("source")};
}

Cells history_row(const Event& event, bool) {
  const std::string slot = event.has("to") ? event.text("to") : event.text("slot");
  std::string from = event.has("address") ? event.text("address") : std::string();
  if (from.empty() && !slot.empty()) from = "slot " + slot;
  return {utc(event.number("time")), event.text("what"), event.text("version"),
          event.has("reason") ? (from.empty() ? "" : from + ": ") + event.text("reason") : from};
}

/// Between what differs of two tables of offers.
std::vector<Column> offer_columns(const Column& first, const Column& last) {
  return {first,       {"ROLE", 4}, {"MEDIUM", 5}, {"VERSION", 0, 9}, {"SECURITY", 6}, {"SIZE", 3},
          {"LOAD", 7}, {"RTT", 8},  last};
}

/// Events that come in numbers are a table for people.
struct Table {
  std::string_view event;
  std::string_view field;  ///< that an event of this table has, where others of its name have not
  std::vector<Column> columns;
  Cells (*row)(const Event&, bool verbose);
};
/// The first one that fits counts.
const std::vector<Table>& tables() {
  static const std::vector<Table> kAll{
      Table{"offer", "acceptable", offer_columns({"DONOR"}, {"VERDICT", 0, 12}), offer_row},
      Table{"offer", "", offer_columns({"DONOR", 0, 16}, {"GUID", 1, 18}), claim_row},
      Table{"image",
            "host",
            {{"HOST", 3},
             {"DIGEST", 4},
             {"COMPONENT", 2},
             {"VERSION", 0, 8},
             {"SECURITY", 5},
             {"SIZE", 6},
             {"PLATFORMS", 0, 14},
             {"TERMS", 1, 8}},
            listed_image_row},
      Table{"image",
            "",
            {{"DIGEST", 0},
             {"NAME", 0, 8},
             {"COMPONENT", 4},
             {"VERSION", 0, 8},
             {"SECURITY", 3},
             {"SIZE", 2},
             {"CREATED", 1, 10}},
            image_row},
      Table{"slot",
            "",
            {{"SLOT"}, {"", 0}, {"STATE"}, {"VERSION", 0, 8}, {"SECURITY", 2}, {"PLACE", 1, 12}},
            slot_row},
      Table{"bt-device", "", {{"ADDRESS"}, {"NAME", 1, 8}, {"DONOR", 0, 8}}, bluetooth_row},
      Table{"icmb-node", "", {{"ADDRESS", 0, 10}, {"GUID", 0, 18}}, node_row},
      Table{"history",
            "",
            {{"TIME", 0, 10}, {"WHAT"}, {"VERSION", 0, 8}, {"FROM", 0, 12}},
            history_row},
      Table{"setting", "", {{"SETTING", 0, 16}, {"VALUE", 0, 14}, {"SOURCE", 1, 10}}, setting_row}};
  return kAll;
}
const Table* table_of(const Event& event, bool verbose) {
  const auto found = std::find_if(tables().begin(), tables().end(), [&](const Table& table) {
    return table.event == event.name() && (table.field.empty() || event.has(table.field));
  });
  if (found == tables().end()) return nullptr;
  if (found->row == image_row && event.has("platforms")) return nullptr;  // fwdonor show
  if (found->row == history_row && verbose) return nullptr;
  return &*found;
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
  if (name == "icmb-info" || name == "icmb-device" || name == "icmb-statistics")
    return listed(event);
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
    if (key != "time" && key != "what")
      line += fmt::format("  {}={}", key, quoted(value_text(value)));
  return line;
}

/// The sentence for an event; empty: nothing to say at this verbosity.
std::string words(const Event& event, Verbosity verbosity) {
  const std::string& name = event.name();
  const bool verbose = verbosity == Verbosity::Verbose;
  if (name == "state") return verbose ? "state " + event.text("state") : std::string();
  if (name == "waiting") return {};  // a status line, where there is one
  if (name == "image") return platform_words(event);
  if (name == "finding" || name == "step")
    return fmt::format("{:4}  {}: {}",
                       event.flag("ok")      ? "ok"
                       : event.flag("known") ? "BAD"
                                             : "--",
                       event.text(name), event.text("text"));
  if (name == "donor" && event.has("again") && event.flag("again")) return {};
  if (name == "donor")
    return event.has("further")
               ? fmt::format("asks {} for others than version {}", event.text("address"),
                             event.text("version"))
               : fmt::format("chose {} ({} at {}): version {}", event.text("address"),
                             event.text("role"), event.text("donor"), event.text("version"));
  if (name == "dropped" && event.has("waits"))
    return fmt::format("waits for {}, up to {} s: {}", event.text("address"), event.number("waits"),
                       event.text("reason"));
  if (name == "dropped")
    return fmt::format("gave up {}: {}", event.text("address"), event.text("reason"));
  if (name == "recovered")
    return fmt::format("wrote {}: {} fetched, {} were there already", image_words(event),
                       human_size(static_cast<double>(event.number("fetched"))),
                       human_size(static_cast<double>(event.number("reused"))));
  if (name == "added" && event.has("already")) return {};
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

std::string quoted(const std::string& text) {
  const bool plain = !text.empty() && text.find_first_of(" =\"\\'") == std::string::npos;
  if (plain) return text;
  std::string all = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') all += '\\';
    all += c;
  }
  return all + "\"";
}

// --- JSON ----------------------------------------------------------------------------------------

namespace {

std::string event_line(const Event& event) {
  Json object;
  object["event"] = event.name();
  for (const auto& [key, value] : event.fields())
    std::visit([&, &k = key](const auto& held) { object[k] = held; }, value);
  // A line of the history has its own.
  if (!event.has("time")) object["time"] = wall_time();
  return json_line(object);
}

}  // namespace

JsonOutput::JsonOutput(Writer& writer) : Output(writer) {
  writer.tell_lost_by([](std::uint64_t lines) {
    return event_line(Event("problem").set("text", lost_lines(lines)));
  });
}

void JsonOutput::on_event(const Event& event) {
  writer().put(kOut, event_line(event));
}

void JsonOutput::finish(const Conclusion& conclusion) {
  Json object;
  object["event"] = "result";
  object["ok"] = conclusion.ok();
  object["code"] = conclusion.code;
  object["message"] = conclusion.message;
  if (!conclusion.advice.empty()) object["advice"] = conclusion.advice;
  if (!conclusion.cause.empty()) object["cause"] = conclusion.cause;
  object["time"] = wall_time();
  object["exit_code"] = conclusion.exit_code;
  writer().put_last(kOut, json_line(object));
}

// --- for people ----------------------------------------------------------------------------------

StatusLine::StatusLine(Writer& writer) : writer_(writer), works_(can_overwrite(STDERR_FILENO)) {}

std::size_t StatusLine::columns() const {
  const std::size_t all = terminal_columns(STDERR_FILENO);
  return all > 1 ? all - 1 : 0;
}

/// Blanks over what was longer: no escape sequence, so that any terminal will do.
void StatusLine::show(const std::string& text) {
  const std::string fits(cut(text, columns()));
  const std::size_t width = display_width(fits);
  const std::size_t left_over = std::min(shown_columns_, columns());
  const std::string blanks(left_over > width ? left_over - width : 0, ' ');
  writer_.put_transient(kErr, "\r" + fits + blanks);
  shown_columns_ = width;
}

void StatusLine::clear() {
  if (shown_columns_ == 0) return;
  const std::string blanks(std::min(shown_columns_, columns()), ' ');
  writer_.put(kErr, "\r" + blanks + "\r");
  shown_columns_ = 0;
}

void Pace::add(std::int64_t fetched, Clock::time_point now) {
  while (samples_.size() > 2 && now - samples_[1].time >= kPace_window)
    samples_.erase(samples_.begin());
  samples_.push_back({now, fetched});
}

double Pace::bytes_per_second() const {
  if (samples_.size() < 2) return 0;
  const std::chrono::duration<double> elapsed = samples_.back().time - samples_.front().time;
  const auto fetched = static_cast<double>(samples_.back().fetched - samples_.front().fetched);
  return elapsed.count() > 0 ? fetched / elapsed.count() : 0;
}

TextOutput::TextOutput(Writer& writer, Verbosity verbosity)
    : Output(writer), verbosity_(verbosity), status_(writer) {
  writer.tell_lost_by(
      [](std::uint64_t lines) { return fmt::format("warning: {}\n", lost_lines(lines)); });
}

void TextOutput::say(Writer::Stream stream, const std::string& text) {
  status_.clear();
  const int fd = stream == kOut ? STDOUT_FILENO : STDERR_FILENO;
  // A finding stands beside its mark, everything else two columns in.
  const std::size_t indent =
      text.starts_with("ok ") || text.starts_with("BAD ") || text.starts_with("--  ") ? 6 : 2;
  writer().put(stream, folded(text, terminal_columns(fd), indent));
}

void TextOutput::on_event(const Event& event) {
  if (event.name() == "problem") return say(kErr, "warning: " + event.text("text"));
  // That the system runs something else from now on is never silent.
  if (verbosity_ == Verbosity::Quiet && event.name() == "activated") say(kErr, event.text("text"));
  if (verbosity_ == Verbosity::Quiet) return;
  if (event.name() == "progress") return progress(event);
  if (event.name() == "unreachable") return say(kErr, "warning: " + event.text("text"));
  if (event.name() == "waiting") return waiting(event);
  const bool verbose = verbosity_ == Verbosity::Verbose;
  const Table* table = table_of(event, verbose);
  if (!rows_.empty() && table != table_of(rows_.front(), verbose)) flush_table();
  if (event.name() == "added" || event.name() == "removed" || event.name() == "adopted")
    change_told_ = event.name() + " " + event.text("name") + " " + event.text("version");
  if (table != nullptr) {
    rows_.push_back(event);
  } else if (const std::string line = words(event, verbosity_); !line.empty()) {
    say(kOut, line);
  }
}

void TextOutput::flush_table() {
  if (rows_.empty()) return;
  const bool verbose = verbosity_ == Verbosity::Verbose;
  const Table& table = *table_of(rows_.front(), verbose);
  std::vector<Column> columns = table.columns;
  std::vector<Cells> cells;
  const bool ranked = table.row == offer_row;
  if (ranked) columns.insert(columns.begin(), {"#", 2});
  std::int64_t rank = 0;
  std::map<std::string, std::size_t> claimed;  // rows by donor and image
  for (const Event& event : rows_) {
    if (table.row == claim_row) {
      // The same over another address: one donor is one row.
      const auto [known, fresh] =
          claimed.emplace(event.text("donor") + " " + event.text("digest"), cells.size());
      if (!fresh) {
        cells[known->second][0] += ", " + event.text("address");
        continue;
      }
    }
    cells.push_back(table.row(event, verbose));
    if (!ranked) continue;
    if (event.flag("acceptable")) ++rank;
    const std::int64_t said = event.has("rank") ? event.number("rank") : rank;
    cells.back().insert(cells.back().begin(),
                        event.flag("acceptable") ? fmt::format("{}", said) : "-");
  }
  status_.clear();
  writer().put(kOut, layout(columns, cells, terminal_columns(STDOUT_FILENO)));
  rows_.clear();
}

namespace {

/// The first of these that fits; the last one otherwise.
std::string first_that_fits(const std::vector<std::string>& texts, std::size_t columns) {
  const auto fits = std::find_if(texts.begin(), texts.end(), [&](const std::string& text) {
    return display_width(text) <= columns;
  });
  return fits == texts.end() ? texts.back() : *fits;
}

std::string with_bar(const std::string& text, std::int64_t done, std::int64_t total,
                     std::size_t columns) {
  const std::size_t around = display_width(text) + 3;  // the brackets and a blank
  if (columns < around + kShortestBar_columns) return text;
  const std::size_t bar = std::min(columns - around, kBar_columns);
  const auto filled = static_cast<std::size_t>(
      static_cast<double>(bar) * static_cast<double>(done) / static_cast<double>(total));
  return fmt::format("[{}{}] {}", std::string(std::min(filled, bar), '#'),
                     std::string(bar - std::min(filled, bar), ' '), text);
}

}  // namespace

void TextOutput::progress(const Event& event) {
  const auto now = std::chrono::steady_clock::now();
  const std::int64_t total = std::max<std::int64_t>(event.number("total"), 1);
  const std::int64_t done = std::min(event.number("done"), total);
  flush_table();
  pace_.add(event.number("fetched"), now);
  const double rate = pace_.bytes_per_second();
  const std::string percent = fmt::format("{:3}%", done * 100 / total);
  const std::string left =
      rate > 0 ? human_time(static_cast<double>(total - done) / rate) + " left" : "? left";
  position_ = fmt::format("{}  {} of {}", percent, human_size(static_cast<double>(done)),
                          human_size(static_cast<double>(total)));
  const std::string all = fmt::format("{}  {}/s  {}", position_, human_size(rate), left);
  const std::size_t columns = status_.works() ? status_.columns() : terminal_columns(STDERR_FILENO);
  const std::string fits =
      columns == 0
          ? all
          : first_that_fits({all, position_ + "  " + left, percent + "  " + left, percent},
                            columns - std::min<std::size_t>(columns, status_.works() ? 0 : 9));
  if (status_.works()) {
    status_.show(fits == all ? with_bar(all, done, total, columns) : fits);
  } else if (done == total || now - last_line_ >= kLineInterval) {
    if (last_line_ == std::chrono::steady_clock::time_point{} && done != total) {
      last_line_ = now;  // the first one says nothing yet
      return;
    }
    last_line_ = now;
    say(kErr, "progress " + fits);
  }
}

namespace {

/// What it does meanwhile.
std::string waiting_words(const Event& event) {
  const std::string state = event.text("state");
  if (state == "Preparing") return "preparing the slot";
  if (state == "FetchingTree") return "fetching the hash tree";
  if (state == "Verifying") return "reading the slot back";
  if (state == "Activating") return "activating the image";
  return "waiting for " + (event.has("address") ? event.text("address") : "a donor");
}

}  // namespace

/// Something moves while nothing comes.
void TextOutput::waiting(const Event& event) {
  if (!status_.works()) return;
  const std::string seconds = fmt::format("{} s", std::llround(event.real("seconds")));
  if (event.text("state") == "Discovering")
    return status_.show(first_that_fits(
        {fmt::format("asking for offers... {}", seconds), fmt::format("asking... {}", seconds)},
        status_.columns()));
  const std::string words = fmt::format("{}, {}", waiting_words(event), seconds);
  std::vector<std::string> texts;
  if (!position_.empty()) {
    texts.push_back(fmt::format("{}  {}", position_, words));
    texts.push_back(fmt::format("{}  {}", position_.substr(0, 4), words));
    texts.push_back(fmt::format("{}  waiting, {}", position_.substr(0, 4), seconds));
  } else {
    texts.push_back(words);
  }
  texts.push_back(fmt::format("waiting, {}", seconds));
  status_.show(first_that_fits(texts, status_.columns()));
}

/// What no event has said in more words.
std::string TextOutput::what_is_new(const std::string& message) const {
  constexpr std::string_view kMore = "; ";
  if (change_told_.empty() || !message.starts_with(change_told_)) return message;
  const std::string_view rest = std::string_view(message).substr(change_told_.size());
  if (rest.empty()) return {};
  return rest.starts_with(kMore) ? std::string(rest.substr(kMore.size())) : message;
}

void TextOutput::finish(const Conclusion& conclusion) {
  status_.clear();
  if (verbosity_ != Verbosity::Quiet) flush_table();
  if (conclusion.ok()) {
    const std::string message = what_is_new(conclusion.message);
    if (verbosity_ != Verbosity::Quiet && !message.empty()) say(kOut, message);
    return;
  }
  // Whoever stopped it knows that it is no error.
  const bool stopped = conclusion.code == "interrupted";
  if (!conclusion.message.empty()) say(kErr, (stopped ? "" : "error: ") + conclusion.message);
  if (!conclusion.advice.empty()) say(kErr, "hint: " + conclusion.advice);
}

// --- for logs ------------------------------------------------------------------------------------

namespace {

/// FWR_SIZE for "size". systemd.journal-fields(7): capital letters, digits and underscores.
std::string field_name(std::string_view key) {
  std::string name = "FWR_";
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    name += std::isalnum(byte) != 0 ? static_cast<char>(std::toupper(byte)) : '_';
  }
  return name;
}

std::string timed(std::string_view line) {
  return fmt::format("{} {}\n", utc(static_cast<std::int64_t>(std::time(nullptr))), line);
}

}  // namespace

LogOutput::LogOutput(Writer& writer, Verbosity verbosity)
    : Output(writer), verbosity_(verbosity), journal_(stderr_is_journal()) {
  writer.tell_lost_by([](std::uint64_t lines) { return timed("warning: " + lost_lines(lines)); });
}

void LogOutput::log(Priority priority, const std::string& message, const Event* event) {
  const std::string word = priority == Priority::Error     ? "error: "
                           : priority == Priority::Warning ? "warning: "
                                                           : "";
  if (!journal_) return writer().put(kErr, timed(word + message));
  std::vector<std::string> fields{"MESSAGE=" + message,
                                  fmt::format("PRIORITY={}", static_cast<int>(priority))};
  if (event != nullptr) {
    fields.push_back("FWR_EVENT=" + event->name());
    for (const auto& [key, value] : event->fields())
      fields.push_back(field_name(key) + "=" + value_text(value));
  }
  writer().put_journal(std::move(fields), word + message + "\n");
}

void LogOutput::on_event(const Event& event) {
  const bool warning = event.name() == "problem";
  if (verbosity_ == Verbosity::Quiet && !warning) return;
  // An offer is made to every recipient that asks: not worth a line in a long log.
  if (event.name() == "offered" && verbosity_ != Verbosity::Verbose) return;
  if (event.name() == "link" && event.text("what").starts_with("peer-") &&
      verbosity_ != Verbosity::Verbose)
    return;
  if (warning) return log(Priority::Warning, event.text("text"), &event);
  const bool notable = event.name() == "login-failed" || event.name() == "logins-left-out";
  log(notable ? Priority::Notice : Priority::Info, generic(event), &event);
}

void LogOutput::finish(const Conclusion& conclusion) {
  const bool stopped = conclusion.ok() || conclusion.code == "interrupted";
  if (stopped && verbosity_ == Verbosity::Quiet) return;
  log(stopped ? Priority::Info : Priority::Error, conclusion.message);
  if (!stopped && !conclusion.advice.empty()) log(Priority::Notice, "hint: " + conclusion.advice);
}

}  // namespace tool
