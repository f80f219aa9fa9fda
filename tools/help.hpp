// SPDX-License-Identifier: GPL-3.0-or-later
// How --help looks: the same with every version of CLI11.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace tool {

class HelpFormatter : public CLI::FormatterBase {
 public:
  [[nodiscard]] std::string make_help(const CLI::App* app, std::string name,
                                      CLI::AppFormatMode mode) const override;
};

}  // namespace tool
