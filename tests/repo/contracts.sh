#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What the manual pages promise to scripts and programs is what the code has, both ways: the names of
# errors with exit code, sentence and advice; events and fields of --json; examples that compile.
# (tests/interop/json.sh compares the lines that the tools really print.)
. "$TOP_SRCDIR/tests/repo/common.sh"

page=$TOP_SRCDIR/man/fwrecover.8
library_page=$TOP_SRCDIR/man/libfwrecover.3

# same WHAT: $work/code and $work/page have the same lines, and some.
same() {
  LC_ALL=C sort -u "$work/code" -o "$work/code"
  LC_ALL=C sort -u "$work/page" -o "$work/page"
  [ -s "$work/code" ] || { echo "$1: nothing was found in the code"; return 1; }
  diff "$work/code" "$work/page" >"$work/difference" || {
    echo "$1: the code (<) and the manual page (>) differ:"
    cat "$work/difference"
    return 1
  }
}

# --- errors --------------------------------------------------------------------------------------

errors_in_code() {
  awk '
    FNR == NR {
      if (/^enum class ExitCode /) inside = 1
      if (/^};/) inside = 0
      if (inside && / = [0-9]+,$/) { number = $3; sub(/,/, "", number); code[$1] = number }
      next
    }
    FILENAME == ARGV[3] { advices = advices " " $0; next }
    { text = text " " $0 }
    END {
      gsub(/"  +"/, "", text)  # adjacent literals are one
      gsub(/"  +"/, "", advices)
      count = split(advices, row, /General\{ *Errc::/)
      for (i = 2; i <= count; i++) {
        key = row[i]; sub(/,.*/, "", key)
        if (!match(row[i], /"([^"\\]|\\.)*"/)) continue
        advice[key] = substr(row[i], RSTART + 1, RLENGTH - 2)
        gsub(/\\"/, "\"", advice[key])
      }
      count = split(text, row, /\{Errc::/)
      for (i = 2; i <= count; i++) {
        key = row[i]; sub(/,.*/, "", key)
        if (!match(row[i], /ExitCode::[A-Za-z]+/)) continue
        exit_code = code[substr(row[i], RSTART + 10, RLENGTH - 10)]
        n = 0; rest = row[i]
        while (match(rest, /"([^"\\]|\\.)*"/)) {
          word[++n] = substr(rest, RSTART + 1, RLENGTH - 2)
          rest = substr(rest, RSTART + RLENGTH)
        }
        gsub(/\\"/, "\"", word[2])
        print word[1], exit_code ": " toupper(substr(word[2], 1, 1)) substr(word[2], 2) ". " advice[key]
      }
    }' "$TOP_SRCDIR/lib/base/error.hpp" "$TOP_SRCDIR/lib/base/error.cpp" "$TOP_SRCDIR/lib/fwrecover/advice.cpp"
}
errors_in_page() {
  awk '
    function flush() { if (name != "") print name ":" text; name = ""; text = "" }
    /^\.Sh / { flush(); inside = /ERROR NAMES/; next }
    !inside { next }
    /^\.It Sy / { flush(); name = $3 " " $5; next }
    /^\.(El|Bl)/ { flush(); next }
    { text = text " " $0 }
    END { flush() }' "$1"
}
compare_errors() {
  errors_in_code >"$work/code"
  errors_in_page "$1" >"$work/page"
  same 'error names'
}

# --- events and fields ---------------------------------------------------------------------------

promises() { awk -f "$TOP_SRCDIR/tests/repo/json-contract.awk" "$1"; }
facade() { cat "$TOP_SRCDIR"/lib/fwrecover/*.cpp "$TOP_SRCDIR"/lib/diagnose/*.cpp "$TOP_SRCDIR/tools/output.cpp"; }

events_in_code() {
  {
    facade | grep -oE '\bEvent( [a-z]+)?\("[a-z-]+"' | grep -oE '"[a-z-]+"'
    facade | sed -n '/^const char\* event_name/,/^}/p' | grep -oE 'return "[a-z]+"' |
      grep -oE '"[a-z-]+"' | grep -v unknown
    facade | grep -oE 'event\(.* \? "[a-z]+" : "[a-z]+"' | grep -oE '"[a-z-]+"'
    facade | grep -oE '\["event"\] = "[a-z]+"' | grep -oE '"[a-z]+"$'
    # Two are lines of the history only.
  } | tr -d '"' | grep -vxE 'failed|confirmed'
}
compare_events() {
  events_in_code >"$work/code"
  promises "$1" | sed -n 's/^event [^ ]* //p' >"$work/page"
  same events
}
fields_in_code() {
  facade | grep -oE '(\.set\(|object\[|line\[)"[a-z_]+"' | grep -oE '"[a-z_]+"' | tr -d '"' |
    grep -vx event
}
compare_fields() {
  fields_in_code >"$work/code"
  promises "$1" | awk '$1 == "field" { print $4 }' >"$work/page"
  same 'fields of events'
}

# The constants of the installed header are these names, so that a program need not spell them.
header=$TOP_SRCDIR/lib/fwrecover/public/fwrecover/event_names.hpp
in_header() { # NAMESPACE
  sed -n "/^namespace fwrecover::$1 {/,/^}/s/^inline constexpr std::string_view k\([A-Za-z0-9]*\) = \"\([a-z_-]*\)\";\$/\1 \2/p" \
    "$header"
}
compare_header() { # NAMESPACE COMMAND-THAT-LEAVES-THE-NAMES-OF-THE-CODE
  $2 "$page" || return 1
  in_header "$1" | cut -d ' ' -f 2 >"$work/page"
  same "$1 of event_names.hpp" || return 1
  in_header "$1" | while read -r constant name; do
    [ "$(printf '%s' "$name" | awk -F '[-_]' '{ for (i = 1; i <= NF; i++) printf "%s", toupper(substr($i, 1, 1)) substr($i, 2) }')" = \
      "$constant" ] || { echo "k$constant is \"$name\"" && exit 1; }
  done
}

# --- examples ------------------------------------------------------------------------------------

# example NAME PAGE: the block below the comment .\" NAME.
example() {
  sed -n "/^\\.\\\\\" $1\$/,/^\\.Ed\$/p" "$2" | sed '1,2d;$d; s/\\e/\\/g'
}
compile() { # PAGE
  mkdir -p "$work/include/fwrecover"
  cp "$TOP_SRCDIR"/lib/fwrecover/public/fwrecover/*.hpp "$TOP_SRCDIR"/lib/oem/*.h "$work/include/fwrecover/"
  example example.cpp "$1" >"$work/example.cpp"
  example example.c "$1" >"$work/example.c"
  for file in "$work/example.cpp" "$work/example.c"; do
    grep -q 'int main' "$file" || { echo "$1 has no $(basename "$file")"; return 1; }
  done
  # shellcheck disable=SC2086 # $CXX may have arguments
  ${CXX:?} -std=c++20 -Wall -Wextra -Wshadow -Werror -I"$work/include" -fsyntax-only \
    "$work/example.cpp" || return 1
  # shellcheck disable=SC2086
  $CXX -x c -std=c99 -Wall -Wextra -Werror -I"$work/include" -fsyntax-only "$work/example.c"
}

# --- the proof -----------------------------------------------------------------------------------

damaged() { # CHECK PAGE SED-SCRIPT
  sed "$3" "$2" >"$work/bad.page"
  "$1" "$work/bad.page"
}
must_reject 'an error that the page lacks' damaged compare_errors "$page" '/^.It Sy bad-block /d'
must_reject 'an error that the code lacks' damaged compare_errors "$page" 's/It Sy bad-block /It Sy bad-egg /'
must_reject 'another exit code of an error' damaged compare_errors "$page" 's/Sy no-space Pq 15/Sy no-space Pq 14/'
must_reject 'other words of an error' damaged compare_errors "$page" 's/^Permission denied\./Forbidden./'
must_reject 'an event that the page lacks' damaged compare_events "$page" '/^.It Ic pong/d'
must_reject 'an event that the code lacks' damaged compare_events "$page" 's/^.It Ic pong/.It Ic pang/'
must_reject 'a field that the page lacks' damaged compare_fields "$page" '/^.It Va exit_code/d'
must_reject 'a field that the code lacks' damaged compare_fields "$page" 's/^.It Va exit_code/.It Va status/'
damaged_header() { # SED-SCRIPT
  sed "$1" "$TOP_SRCDIR/lib/fwrecover/public/fwrecover/event_names.hpp" >"$work/bad.hpp"
  (header=$work/bad.hpp && compare_header events compare_events && compare_header fields compare_fields)
}
must_accept 'the header as it is' damaged_header ''
must_reject 'an event that the header lacks' damaged_header '/"pong"/d'
must_reject 'a field that the code lacks' damaged_header 's/"exit_code"/"exitcode"/'
must_reject 'a constant of another name' damaged_header 's/kPong/kPing/'
must_reject 'an example that does not compile' damaged compile "$library_page" 's/const fwrecover::Event&/int/'

# --- our pages -----------------------------------------------------------------------------------

wrong=0
compare_errors "$page" || wrong=1
compare_events "$page" || wrong=1
compare_fields "$page" || wrong=1
compare_header events compare_events || wrong=1
compare_header fields compare_fields || wrong=1
compile "$library_page" || wrong=1
[ "$wrong" -eq 0 ] || fail 'manual pages and code differ as listed above'
