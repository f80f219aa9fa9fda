// SPDX-License-Identifier: GPL-3.0-or-later
// What fits a terminal.
#include "terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <clocale>
#include <cstdint>
#include <cstdlib>
#include <cwchar>

namespace tool {
namespace {

constexpr std::size_t kGap_columns = 2;
constexpr std::size_t kDefault_columns = 80;
constexpr std::size_t kMost_columns = 1000;  // what COLUMNS may say
constexpr std::size_t kHard_columns = 1;     // of a cell that nothing else makes fit

/// The size of a terminal that the system does not know, such as a serial line, or 0.
std::size_t said_columns() {
  const char* said = std::getenv("COLUMNS");
  if (said == nullptr) return 0;
  const std::string_view text(said);
  std::size_t columns = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), columns);
  const bool good = error == std::errc() && end == text.data() + text.size();
  return good && columns <= kMost_columns ? columns : 0;
}

/// One character: its bytes, and its code point when they are UTF-8.
struct Character {
  std::size_t bytes = 1;
  char32_t code = 0xfffd;
};

Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  std::size_t more = 0;
  char32_t code = lead;
  if (lead >= 0xf0) {
    more = 3;
    code = lead & 0x07U;
  } else if (lead >= 0xe0) {
    more = 2;
    code = lead & 0x0fU;
  } else if (lead >= 0xc0) {
    more = 1;
    code = lead & 0x1fU;
  } else if (lead >= 0x80) {
    return {};
  }
  if (text.size() <= more) return {};
  for (std::size_t i = 1; i <= more; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return {};
    code = (code << 6U) | (byte(i) & 0x3fU);
  }
  return {more + 1, code};
}

/// The C library's table of widths, in UTF-8 whatever LANG says: names are UTF-8 always.
class WidthTable {
 public:
  WidthTable() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {}
  ~WidthTable() {
    if (locale_ != nullptr) ::freelocale(locale_);
  }
  WidthTable(const WidthTable&) = delete;
  WidthTable& operator=(const WidthTable&) = delete;

  [[nodiscard]] std::size_t of(char32_t code) const {
    if (code >= 0x20 && code < 0x7f) return 1;
    if (locale_ == nullptr) return 1;
    const locale_t before = ::uselocale(locale_);
    const int width = ::wcwidth(static_cast<wchar_t>(code));
    (void)::uselocale(before);
    return width < 0 ? 1 : static_cast<std::size_t>(width);
  }

 private:
  locale_t locale_;
};

std::size_t width_of(char32_t code) {
  static const WidthTable kTable;
  return kTable.of(code);
}

std::size_t leading_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  return first == std::string_view::npos ? 0 : first;
}

std::string padded(std::string text, std::size_t columns) {
  const std::size_t width = display_width(text);
  if (width < columns) text.append(columns - width, ' ');
  return text;
}

/// Takes from the front what fits, and the blanks behind it.
std::string take_line(std::string_view& text, std::size_t columns) {
  std::string_view fits = cut(text, columns);
  if (fits.empty() && !text.empty()) fits = text.substr(0, first_character(text).bytes);
  if (fits.size() < text.size() && text[fits.size()] != ' ') {
    const std::size_t blank = fits.find_last_of(' ');
    const bool breaks = blank != std::string_view::npos &&
                        fits.find_first_not_of(' ') < blank;  // not in the indentation
    if (breaks) fits = fits.substr(0, blank);
  }
  text.remove_prefix(fits.size());
  text.remove_prefix(std::min(leading_blanks(text), text.size()));
  if (text.find_first_not_of(' ') == std::string_view::npos) text = {};
  const std::size_t last = fits.find_last_not_of(' ');
  return std::string(last == std::string_view::npos ? fits.substr(0, 0) : fits.substr(0, last + 1));
}

std::size_t total_of(const std::vector<std::size_t>& widths) {
  std::size_t total = 0;
  std::size_t shown = 0;
  for (const std::size_t width : widths) {
    total += width;
    shown += width > 0 ? 1 : 0;
  }
  return shown == 0 ? 0 : total + (shown - 1) * kGap_columns;
}

/// Makes the widest of those that may be folded narrower, until all fit. False: they do not.
template <class Narrowest>
bool narrow(std::vector<std::size_t>& widths, std::size_t terminal, const Narrowest& narrowest) {
  while (total_of(widths) > terminal) {
    std::size_t widest = widths.size();
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const bool can = narrowest(i) > 0 && widths[i] > narrowest(i);
      if (can && (widest == widths.size() || widths[i] > widths[widest])) widest = i;
    }
    if (widest == widths.size()) return false;
    --widths[widest];
  }
  return true;
}

/// Widths of the columns; 0: left out.
std::vector<std::size_t> find_widths(const std::vector<Column>& columns,
                                     const std::vector<Cells>& rows, std::size_t terminal) {
  std::vector<std::size_t> natural(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    natural[i] = std::max<std::size_t>(display_width(columns[i].head), 1);
    for (const Cells& row : rows) natural[i] = std::max(natural[i], display_width(row[i]));
  }
  if (terminal == 0) return natural;
  for (;;) {
    std::vector<std::size_t> widths = natural;
    if (narrow(widths, terminal, [&](std::size_t i) { return columns[i].narrowest; }))
      return widths;
    std::size_t goes = columns.size();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const bool can = natural[i] > 0 && columns[i].dispensable > 0;
      if (can && (goes == columns.size() || columns[i].dispensable > columns[goes].dispensable))
        goes = i;
    }
    if (goes == columns.size()) break;
    natural[goes] = 0;
  }
  const auto head = [&](std::size_t i) {
    return std::max(display_width(columns[i].head), kHard_columns);
  };
  if (!narrow(natural, terminal, head))
    (void)narrow(natural, terminal, [&](std::size_t) { return kHard_columns; });
  return natural;
}

void add_row(std::string& text, const Cells& row, const std::vector<std::size_t>& widths,
             bool folds) {
  std::vector<std::vector<std::string>> cells;
  std::size_t height = 1;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const bool wide = folds && widths[i] > 0 && display_width(row[i]) > widths[i];
    cells.push_back(wide ? fold(row[i], widths[i], 0) : std::vector<std::string>{row[i]});
    if (widths[i] > 0) height = std::max(height, cells.back().size());
  }
  for (std::size_t line = 0; line < height; ++line) {
    std::string words;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (widths[i] == 0) continue;
      words +=
          padded(line < cells[i].size() ? cells[i][line] : std::string(), widths[i] + kGap_columns);
    }
    words.erase(words.find_last_not_of(' ') + 1);
    text += words + "\n";
  }
}

}  // namespace

std::size_t terminal_columns(int fd) {
  if (::isatty(fd) != 1) return 0;
  winsize size{};
  const std::size_t known = ::ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
  const std::size_t said = said_columns();
  // No more than COLUMNS, and no more than the window has since it was made smaller.
  if (known > 0 && said > 0) return std::min(known, said);
  return known > 0 ? known : said > 0 ? said : kDefault_columns;
}

bool can_overwrite(int fd) {
  const char* kind = std::getenv("TERM");
  return ::isatty(fd) == 1 && kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb";
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Character next = first_character(text);
    width += width_of(next.code);
    text.remove_prefix(next.bytes);
  }
  return width;
}

std::string_view cut(std::string_view text, std::size_t columns) {
  std::size_t bytes = 0;
  std::size_t width = 0;
  while (bytes < text.size()) {
    const Character next = first_character(text.substr(bytes));
    width += width_of(next.code);
    if (width > columns) break;
    bytes += next.bytes;
  }
  return text.substr(0, bytes);
}

std::vector<std::string> fold(std::string_view text, std::size_t columns, std::size_t indent) {
  std::vector<std::string> lines;
  const std::size_t wanted = leading_blanks(text) + indent;
  const std::string margin(wanted * 2 <= columns ? wanted : 0, ' ');
  lines.push_back(take_line(text, columns));
  while (!text.empty()) lines.push_back(margin + take_line(text, columns - margin.size()));
  return lines;
}

std::string folded(std::string_view text, std::size_t columns, std::size_t indent) {
  std::string all;
  while (true) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (columns == 0) {
      all.append(line).append("\n");
    } else {
      for (const std::string& part : fold(line, columns, indent)) all += part + "\n";
    }
    if (end == std::string_view::npos) return all;
    text.remove_prefix(end + 1);
  }
}

std::string layout(const std::vector<Column>& columns, const std::vector<Cells>& rows,
                   std::size_t terminal) {
  const std::vector<std::size_t> widths = find_widths(columns, rows, terminal);
  Cells head;
  for (const Column& column : columns) head.push_back(column.head);
  std::string text;
  add_row(text, head, widths, terminal != 0);
  for (const Cells& row : rows) add_row(text, row, widths, terminal != 0);
  return text;
}

}  // namespace tool
