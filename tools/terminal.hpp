// SPDX-License-Identifier: GPL-3.0-or-later
// What fits a terminal: its width, the width of text in it, folded lines and tables.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tool {

/// Columns of the terminal at this descriptor, as it is now; 0: no terminal, nothing has to fit.
[[nodiscard]] std::size_t terminal_columns(int fd);
/// Whether a line can be written over: a terminal that is not "dumb".
[[nodiscard]] bool can_overwrite(int fd);

/// Columns that valid UTF-8 takes: none for what combines, two for what is wide.
[[nodiscard]] std::size_t display_width(std::string_view text);
/// The longest beginning that is not wider.
[[nodiscard]] std::string_view cut(std::string_view text, std::size_t columns);
/// Lines that are not wider, broken between words, or inside of those that are too long. Each but
/// the first begins with `indent` blanks, and with as many as the first one had.
[[nodiscard]] std::vector<std::string> fold(std::string_view text, std::size_t columns,
                                            std::size_t indent);
/// Every line of the text folded; as it is when `columns` is 0. Ends with a line break.
[[nodiscard]] std::string folded(std::string_view text, std::size_t columns,
                                 std::size_t indent = 2);

struct Column {
  std::string head;
  /// What does not fit: the highest goes first; 0 stays.
  unsigned dispensable = 0;
  /// Folded to no less than this; 0: not folded.
  std::size_t narrowest = 0;
};
using Cells = std::vector<std::string>;

/// Columns as wide as their widest cell, two blanks between them. Where that is too wide, cells are
/// folded, then columns are left out.
[[nodiscard]] std::string layout(const std::vector<Column>& columns, const std::vector<Cells>& rows,
                                 std::size_t terminal);

}  // namespace tool
