// SPDX-License-Identifier: GPL-3.0-or-later
// The layout of --help.
#include "help.hpp"

#include <algorithm>
#include <set>
#include <vector>

namespace tool {

namespace {

constexpr std::size_t kLeft_columns = 32;

/// What is on the left gets a line of its own when it is long.
std::string row(const std::string& left, const std::string& description) {
  std::string text = "  " + left;
  if (!description.empty()) {
    if (text.size() >= kLeft_columns) text += "\n" + std::string(kLeft_columns, ' ');
    if (text.size() < kLeft_columns) text.resize(kLeft_columns, ' ');
    text += description;
  }
  return text + "\n";
}

/// Some versions count those of the program, which may stand behind a sub-command, among its own.
std::vector<const CLI::Option*> own_options(const CLI::App& app) {
  std::vector<const CLI::Option*> own = app.get_options();
  if (const CLI::App* const parent = app.get_parent()) {
    const std::vector<const CLI::Option*> others = parent->get_options();
    std::erase_if(own, [&](const CLI::Option* one) {
      return std::find(others.begin(), others.end(), one) != others.end();
    });
  }
  return own;
}

bool takes_many(const CLI::Option& option) {
  return option.get_items_expected_max() > 1;
}

/// In the order of the command line's own table.
std::string others(const CLI::App& app, const std::string& relation,
                   const std::set<CLI::Option*>& wanted) {
  std::string names;
  for (const CLI::Option* option : own_options(app))
    if (std::any_of(wanted.begin(), wanted.end(),
                    [&](const CLI::Option* one) { return one == option; }))
      names += " " + option->get_name();
  return names.empty() ? names : " " + relation + ":" + names;
}

std::string option_row(const CLI::App& app, CLI::Option& option, bool positional) {
  std::string left = positional ? option.get_name(true) : option.get_name(false, true);
  if (option.get_type_size() != 0) {
    if (!option.get_type_name().empty()) left += " " + option.get_type_name();
    if (!option.get_default_str().empty()) left += "=" + option.get_default_str();
    if (positional && takes_many(option)) left += " ...";
    if (option.get_required()) left += " REQUIRED";
  }
  left += others(app, "Needs", option.get_needs());
  left += others(app, "Excludes", option.get_excludes());
  return row(left, option.get_description());
}

std::string section(const CLI::App& app, const std::string& title, bool positional) {
  std::string rows;
  for (const CLI::Option* option : own_options(app))
    if (option->get_positional() == positional && !option->get_group().empty())
      rows += option_row(app, const_cast<CLI::Option&>(*option), positional);
  return rows.empty() ? rows : "\n" + title + ":\n" + rows;
}

std::string full_name(const CLI::App& app) {
  const CLI::App* const parent = app.get_parent();
  return parent == nullptr ? app.get_name() : full_name(*parent) + " " + app.get_name();
}

std::string usage(const CLI::App& app) {
  std::string text = "Usage: " + full_name(app) + " [OPTIONS]";
  for (const CLI::Option* option : own_options(app)) {
    if (!option->get_positional()) continue;
    const std::string word = option->get_name(true) + (takes_many(*option) ? "..." : "");
    text += option->get_required() ? " " + word : " [" + word + "]";
  }
  return text + (app.get_subcommands({}).empty() ? "" : " SUBCOMMAND") + "\n";
}

}  // namespace

std::string HelpFormatter::make_help(const CLI::App* app, std::string /*name*/,
                                     CLI::AppFormatMode /*mode*/) const {
  std::string text = app->get_description() + "\n" + usage(*app);
  text += section(*app, "Positionals", true) + section(*app, "Options", false);
  std::string commands;
  for (const CLI::App* command : app->get_subcommands({}))
    commands += row(command->get_name(), command->get_description());
  if (!commands.empty()) text += "\nSubcommands:\n" + commands;
  return text + "\n";
}

}  // namespace tool
