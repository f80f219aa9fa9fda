// SPDX-License-Identifier: GPL-3.0-or-later
// The tables of doc/PROTOCOL.md and its annexes and the layouts of the code are the same, read both
// ways.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "wire/basic_mode.hpp"
#include "wire/icmb.hpp"
#include "wire/ipmi.hpp"
#include "wire/layout.hpp"
#include "wire/oem.hpp"
#include "wire/plain.hpp"
#include "wire/stream.hpp"

namespace fwr::wire {
namespace {

using Cells = std::vector<std::string>;

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(' ') - first + 1));
}

Cells cells_of(std::string_view line) {
  Cells cells;
  for (line.remove_prefix(1); !line.empty();) {
    const std::size_t end = line.find('|');
    if (end == std::string_view::npos) break;
    cells.push_back(trimmed(line.substr(0, end)));
    line.remove_prefix(end + 1);
  }
  return cells;
}

/// A table of the document: under which section and after which line of text it stands.
struct Table {
  std::string section;      ///< "5.1"
  std::string label;        ///< the paragraph before the table: "Request:"
  std::vector<Cells> rows;  ///< without the head
};

/// Appends the tables of one document.
void read_tables(const std::string& document, std::vector<Table>& found) {
  const char* const top = std::getenv("TOP_SRCDIR");
  std::ifstream file(std::string(top != nullptr ? top : "..") + "/doc/" + document);
  EXPECT_TRUE(file.good()) << document << ": TOP_SRCDIR names the source directory";
  std::string section, label, line;
  std::size_t row = 0;  // of the present table: 0 the head, 1 the rule
  bool in_paragraph = false;
  while (std::getline(file, line)) {
    if (line.starts_with("|")) {
      if (row == 0) found.push_back({section, label, {}});
      if (row++ >= 2) found.back().rows.push_back(cells_of(line));
      continue;
    }
    row = 0;
    if (line.starts_with("#")) {
      const std::size_t number = line.find(' ') + 1;
      section = line.substr(number, line.find(' ', number) - number);
      label.clear();
    } else if (!line.empty()) {
      label = in_paragraph ? label + ' ' + line : line;
    }
    in_paragraph = !line.empty() && !line.starts_with("#");
  }
}

const std::vector<Table>& tables_of_the_document() {
  static const std::vector<Table> kTables = [] {
    std::vector<Table> found;
    for (const char* const document :
         {"PROTOCOL.md", "protocol/icmb.md", "protocol/basic-mode.md", "protocol/bluetooth.md"})
      read_tables(document, found);
    return found;
  }();
  return kTables;
}

std::vector<const Table*> tables_in(std::string_view section) {
  std::vector<const Table*> found;
  for (const Table& table : tables_of_the_document())
    if (table.section == section) found.push_back(&table);
  return found;
}

/// The first two columns, as LayoutTable prints them.
std::vector<std::string> first_columns(const Table& table) {
  std::vector<std::string> lines;
  for (const Cells& cells : table.rows) lines.push_back("| " + cells[0] + " | " + cells[1] + " |");
  return lines;
}

using Lines = std::vector<std::string>;

template <class Message>
Lines request_table() {
  LayoutTable table(1);
  table.row(3, "iana");
  const Message message{};
  Message::layout(table, message);
  return table.rows();
}
Lines empty_request_table() {
  LayoutTable table(1);
  table.row(3, "iana");
  return table.rows();
}
LayoutTable response_head() {
  LayoutTable table(1);
  table.row(1, "completion code");
  table.row(3, "iana");
  return table;
}
template <class Message>
Lines response_table() {
  LayoutTable table = response_head();
  const Message message{};
  Message::layout(table, message);
  return table.rows();
}
template <class Message>
Lines stream_table() {
  LayoutTable table(0);
  const Message message{};
  Message::layout(table, message);
  return table.rows();
}

TEST(ProtocolTables, OfTheCommandsAreTheLayouts) {
  const std::map<std::string, std::vector<Lines>> expected{
      {"5.1", {request_table<oem::CapabilitiesRq>(), response_table<oem::CapabilitiesRs>()}},
      {"5.2", {request_table<oem::RequestFirmwareRq>(), response_table<oem::Offer>()}},
      {"5.3", {request_table<oem::GetManifestRq>(), response_table<oem::GetManifestRs>()}},
      {"5.4", {request_table<oem::AcceptOfferRq>(), response_table<oem::AcceptOfferRs>()}},
      {"5.5", {request_table<oem::ReleaseOfferRq>(), response_head().rows()}},
      {"5.6", {request_table<oem::ReadRq>(), response_table<oem::ReadRs>()}},
      {"5.7", {request_table<oem::ReportResultRq>(), response_head().rows()}},
      {"5.8", {empty_request_table(), response_table<oem::DonorStatusRs>()}},
      {"5.9", {request_table<oem::ListImagesRq>(), response_table<oem::ListImagesRs>()}},
  };
  for (const auto& [section, tables] : expected) {
    const auto found = tables_in(section);
    ASSERT_EQ(tables.size(), found.size()) << "§" << section;
    EXPECT_TRUE(found[0]->label.starts_with("Request")) << "§" << section;
    EXPECT_TRUE(found[1]->label.starts_with("Response")) << "§" << section;
    for (std::size_t i = 0; i < tables.size(); ++i)
      EXPECT_EQ(first_columns(*found[i]), tables[i]) << "§" << section << " " << found[i]->label;
  }
  for (const Table& table : tables_of_the_document())
    EXPECT_TRUE(!table.section.starts_with("5.") || expected.contains(table.section))
        << "§" << table.section << " has no layout";
}

TEST(ProtocolTables, OfTheImageStreamAreTheLayouts) {
  const std::vector<std::pair<std::string, Lines>> expected{
      {"Grant", stream_table<stream::Grant>()},
      {"then for each range", stream_table<stream::Range>()},
      {"Segment", stream_table<stream::Segment>()},
      {"Refusal", stream_table<stream::Refusal>()},
  };
  const auto found = tables_in("6.1");
  ASSERT_EQ(expected.size(), found.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(found[i]->label.starts_with(expected[i].first)) << found[i]->label;
    EXPECT_EQ(first_columns(*found[i]), expected[i].second) << found[i]->label;
  }
}

template <class Message>
Lines bridge_table() {
  LayoutTable table(1);
  table.row(1, "completion code");
  const Message message{};
  Message::layout(table, message);
  return table.rows();
}
template <class Message>
Lines body_table() {
  LayoutTable table(1);
  const Message message{};
  Message::layout(table, message);
  return table.rows();
}

TEST(ProtocolTables, OfTheSerialStreamIsTheLayout) {
  const auto found = tables_in("12.3");
  ASSERT_EQ(1U, found.size());
  EXPECT_EQ(body_table<basic_mode::StreamBody>(), first_columns(*found[0]));
}

TEST(ProtocolTables, OfTheIcmbBusAreTheLayouts) {
  const std::vector<std::pair<std::string, Lines>> expected{
      {"11.3", stream_table<icmb::AddressMessage>()},
      {"11.4", stream_table<wire::plain::Message>()},
      {"11.5 Bridge State", body_table<icmb::BridgeStateBody>()},
      {"11.5 ICMB Address", body_table<icmb::IcmbAddressBody>()},
      {"11.5 Get Bridge Statistics", bridge_table<icmb::BridgeStatistics>()},
      {"11.5 Get ICMB Capabilities", bridge_table<icmb::BridgeCapabilitiesRs>()},
      {"11.5 GetAddresses response", bridge_table<icmb::GetAddressesRs>()},
      {"11.5 Chassis Device Id", body_table<icmb::ChassisDeviceIdBody>()},
      {"11.5 Payload of an event", stream_table<icmb::EventMessage>()},
  };
  std::size_t compared = 0;
  for (const char* section : {"11.3", "11.4", "11.5"}) {
    for (const Table* table : tables_in(section)) {
      if (table->rows.at(0).size() > 3) continue;  // the list of commands
      ASSERT_LT(compared, expected.size()) << table->label;
      const auto& [name, rows] = expected[compared++];
      EXPECT_TRUE((std::string(section) + " " + table->label).starts_with(name)) << table->label;
      EXPECT_EQ(first_columns(*table), rows) << name;
    }
  }
  EXPECT_EQ(expected.size(), compared);
}

TEST(ProtocolTables, OfTheStreamGiveTheirKinds) {
  const std::map<std::string, unsigned> kinds{{"Grant", stream::Grant::kKind},
                                              {"Segment", stream::Segment::kKind},
                                              {"Refusal", stream::Refusal::kKind}};
  std::size_t seen = 0;
  for (const Table* table : tables_in("6.1")) {
    if (table->rows.at(0).at(1) != "kind") continue;
    ++seen;
    const std::string name = table->label.substr(0, table->label.find(','));
    ASSERT_TRUE(kinds.contains(name)) << table->label;
    EXPECT_EQ(std::to_string(kinds.at(name)), table->rows[0].at(2)) << name;
  }
  EXPECT_EQ(kinds.size(), seen);
}

unsigned hex_cell(const std::string& cell) {
  EXPECT_EQ('h', cell.back()) << cell;
  return static_cast<unsigned>(std::stoul(cell, nullptr, 16));
}

TEST(ProtocolTables, OfCompletionCodesAreOurNumbersAndWords) {
  const std::map<std::string, CompletionCode> ours{
      {"no-compatible-image", CompletionCode::NoCompatibleImage},
      {"offer-expired", CompletionCode::OfferExpired},
      {"unknown-image", CompletionCode::UnknownImage},
      {"busy", CompletionCode::Busy},
      {"lease-ended", CompletionCode::LeaseEnded},
      {"version-unsupported", CompletionCode::VersionUnsupported},
      {"image-unreadable", CompletionCode::ImageUnreadable},
  };
  const auto found = tables_in("3.1");
  ASSERT_EQ(1U, found.size());
  std::map<unsigned, std::string> documented;
  for (const Cells& cells : found[0]->rows) {
    documented[hex_cell(cells.at(0))] = cells.at(1);
    ASSERT_TRUE(ours.contains(cells.at(1))) << cells.at(1);
    EXPECT_EQ(static_cast<unsigned>(ours.at(cells.at(1))), hex_cell(cells.at(0))) << cells.at(1);
  }
  EXPECT_EQ(ours.size(), documented.size());
  // 80h to BEh are the codes of a command set (IPMI v2.0 table 5-2): words for the documented only.
  for (unsigned code = 0x80; code <= 0xbe; ++code) {
    std::string words = describe(static_cast<CompletionCode>(code));
    const bool has_words = !words.starts_with("completion code");
    ASSERT_EQ(documented.contains(code), has_words) << code << ": " << words;
    std::replace(words.begin(), words.end(), ' ', '-');
    if (has_words) {
      EXPECT_EQ(documented.at(code), words);
    }
  }
}

TEST(ProtocolTables, OfCommandsAreTheRowsOfTheCode) {
  const auto found = tables_in("4.");
  ASSERT_EQ(1U, found.size());
  std::vector<Cells> rows;
  for (const oem::CommandInfo& info : oem::kCommands) {
    EXPECT_EQ(Privilege::User, info.privilege) << "the document has words for User only";
    const auto command = static_cast<std::uint8_t>(info.command);
    std::string number = to_hex(std::as_bytes(std::span(&command, 1)));
    std::transform(number.begin(), number.end(), number.begin(), ::toupper);
    rows.push_back(
        {number + "h", std::string(info.name), "User", info.needs_session ? "yes" : "no"});
  }
  EXPECT_EQ(found[0]->rows, rows);
}

TEST(ProtocolTables, CanBeFoundToDiffer) {
  // The comparison above would be worth nothing if an empty or a shifted table passed.
  const auto found = tables_in("5.2");
  ASSERT_EQ(2U, found.size());
  EXPECT_NE(first_columns(*found[0]), request_table<oem::CapabilitiesRq>());
  EXPECT_GT(found[1]->rows.size(), 10U);
}

}  // namespace
}  // namespace fwr::wire
