#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Manual pages and --help agree, both ways: sub-commands, options, defaults and exit codes.
#
# In a page an option is an item such as ".It Fl v , Fl -verbose"; a sub-command is an item or
# a subsection with "Cm name"; a default is in the text of the option's item, after the word "default";
# an exit code is an item of the EXIT STATUS section. In --help a default follows the type after "=",
# or what happens without the option is in words, "(without: ...)".
. "$TOP_SRCDIR/tests/repo/common.sh"

# help_facts TOOL [SUBCOMMAND...]: lines "command NAME", "option NAME", "default NAME VALUE", and
# "words NAME" when the default is in words.
help_facts() {
  if ! "$@" --help >"$work/help" 2>&1 </dev/null; then
    echo "command '$*' whose help fails"
    return
  fi
  awk '
    /^[A-Za-z].*:$/ { section = $0 }
    section ~ /^Subcommands/ && /^  [a-z]/ { print "command", $1 }
    /^  +-/ {
      left = $0; sub(/^ +/, "", left); sub(/  .*$/, "", left)
      names = left; sub(/[ =].*$/, "", names)
      count = split(names, name, ",")
      for (i = 1; i <= count; i++) print "option", name[i]
      value = left
      if (value ~ /=/) {
        sub(/^[^=]*=/, "", value); sub(/ (\(|\.\.\.|REQUIRED|Needs:|Excludes:).*$/, "", value)
        if (value != "") print "default", name[count], value
      }
    }
    # Below the option when that is long.
    /^  / && /\(without: / && count { print "words", name[count] }
  ' "$work/help" >"$work/facts.$#"
  cat "$work/facts.$#"
  # Three levels are enough for our tools.
  if [ $# -gt 3 ]; then return; fi
  sed -n 's/^command //p' "$work/facts.$#" | while read -r sub; do help_facts "$@" "$sub"; done
}

# page_facts PAGE: the same lines, and "says NAME TEXT" for each option's text, "status N" for codes.
page_facts() {
  awk '
    function flush(  i) {
      for (i = 1; i <= open; i++) print "says", item[i], text
      open = 0; text = ""
    }
    /^\.Sh / { flush(); in_status = /EXIT STATUS/ }
    /^\.(It|El|Bl|Ss)/ { flush() }
    /^\.(It|Ss) / {
      count = split($0, word, " ")
      for (i = 2; i < count; i++) {
        if (word[i] == "Fl") {
          item[++open] = "-" word[i + 1]
          print "option", item[open]
        }
        # The sub-command, not the words that an option takes.
        if (word[i] == "Cm" && (i == 2 || word[i - 2] == "Nm") && word[i + 1] ~ /^[a-z]/)
          print "command", word[i + 1]
      }
      if (in_status && word[2] ~ /^[0-9]+$/) print "status", word[2]
      next
    }
    { line = $0; sub(/^\.[A-Z][a-z] /, "", line); text = text " " line }
    END { flush() }
  ' "$1"
}

# compare TOOL PAGE: prints each difference and fails if there is one.
compare() {
  help_facts "$1" | LC_ALL=C sort -u >"$work/help.facts"
  page_facts "$2" | LC_ALL=C sort -u >"$work/page.facts"
  : >"$work/differences"
  for kind in command option; do
    grep "^$kind " "$work/help.facts" >"$work/a" || :
    grep "^$kind " "$work/page.facts" >"$work/b" || :
    LC_ALL=C comm -23 "$work/a" "$work/b" | sed "s@.*@&: in --help, not in $2@" >>"$work/differences"
    LC_ALL=C comm -13 "$work/a" "$work/b" | sed "s@.*@&: in $2, not in --help@" >>"$work/differences"
  done
  awk -v page="$2" '
    FILENAME == ARGV[1] && $1 == "default" {
      name = $2; sub(/^default [^ ]+ /, ""); value[name] = $0; next
    }
    FILENAME == ARGV[1] && $1 == "words" { words[$2] = 1; next }
    FILENAME == ARGV[2] && $1 == "says" {
      name = $2; sub(/^says [^ ]+ /, ""); text[name] = text[name] " " $0
    }
    END {
      for (name in value) {
        said = text[name]; gsub(/[,.;)(]+( |$)/, " ", said); gsub(/["`]/, " ", said)
        if (index(" " said " ", " " value[name] " ") == 0 || said !~ /[Dd]efault/)
          print "option " name ": the default " value[name] " is in --help, not in " page
      }
      for (name in text)
        if (name ~ /^--/ && text[name] ~ /[Dd]efault( is|:)/ && !(name in value) && !(name in words))
          print "option " name ": a default is in " page ", not in --help"
    }
  ' "$work/help.facts" "$work/page.facts" | LC_ALL=C sort >>"$work/differences"
  cat "$work/differences"
  [ -s "$work/help.facts" ] && [ ! -s "$work/differences" ]
}

# Exit codes are one table for all tools.
sed -n '/^enum class ExitCode /,/^};/s/^  [A-Za-z]* = \([0-9]*\),.*/status \1/p' \
  "$TOP_SRCDIR/lib/base/error.hpp" | LC_ALL=C sort >"$work/codes"
[ -s "$work/codes" ] || fail 'lib/base/error.hpp has no table of exit codes that this test can read'

# compare_codes PAGE [all]: its codes are in the table, and all of the table in it.
compare_codes() {
  page_facts "$1" | grep '^status ' | LC_ALL=C sort -u >"$work/page.codes" || :
  LC_ALL=C comm -13 "$work/codes" "$work/page.codes" | sed "s@.*@exit &: in $1, not in the code@" \
    >"$work/differences"
  if [ "${2:-}" = all ]; then
    LC_ALL=C comm -23 "$work/codes" "$work/page.codes" | sed "s@.*@exit &: in the code, not in $1@" \
      >>"$work/differences"
  fi
  cat "$work/differences"
  [ -s "$work/page.codes" ] && [ ! -s "$work/differences" ]
}

# --- the proof, with a tool and a page of our own -------------------------------------------------

cat >"$work/tool" <<'END'
#!/bin/sh
case $* in
  --help) printf '%s\n' 'Usage: tool [OPTIONS] SUBCOMMAND' '' 'Options:' \
    '  -h,--help                   Print this' '' 'Subcommands:' '  ask                         Asks' ;;
  'ask --help') printf '%s\n' 'Asks' '' 'Options:' '  -h,--help                   Print this' \
    '  --port NUMBER=623           UDP port' \
    '  --retries NUMBER:INT in [0 - 255]' '                              Retries (without: 3)' ;;
esac
END
chmod +x "$work/tool"
page() {
  cat <<'END'
.Sh DESCRIPTION
.Bl -tag -width Ds
.It Fl h , Fl -help
Prints a summary.
.It Cm ask
Asks.
.It Fl -port Ar number
The UDP port.
The default is 623.
.It Fl -retries Ar number
The default is 3.
.El
END
}
page >"$work/good.8"
must_accept 'a page that agrees' compare "$work/tool" "$work/good.8"
page | sed '/-port/d' >"$work/bad.8"
must_reject 'an option that the page lacks' compare "$work/tool" "$work/bad.8"
page | sed 's/^Asks\.$/&\n.It Fl -more\nMore./' >"$work/bad.8"
must_reject 'an option that --help lacks' compare "$work/tool" "$work/bad.8"
page | sed 's/623/624/' >"$work/bad.8"
must_reject 'another default' compare "$work/tool" "$work/bad.8"
page | sed 's/Prints a summary\./&\nThe default is no./' >"$work/bad.8"
must_reject 'a default that --help lacks' compare "$work/tool" "$work/bad.8"
page | sed 's/Cm ask/Cm task/' >"$work/bad.8"
must_reject 'another sub-command' compare "$work/tool" "$work/bad.8"

{
  page
  printf '.Sh EXIT STATUS\n.Bl -tag -width Ds\n'
  sed 's/^status/.It/' "$work/codes"
  printf '.El\n'
} >"$work/codes.8"
must_accept 'a page with all exit codes' compare_codes "$work/codes.8" all
sed '/^\.It 16$/d' "$work/codes.8" >"$work/bad.8"
must_reject 'an exit code that the page lacks' compare_codes "$work/bad.8" all
sed 's/^\.It 16$/.It 61/' "$work/codes.8" >"$work/bad.8"
must_reject 'an exit code that the code lacks' compare_codes "$work/bad.8"

# --- our tools -----------------------------------------------------------------------------------

compared=0
wrong=0
for tool in "$FWRECOVER" "$FWDONORD" "$FWDONOR" "$FWDIAG"; do
  if [ ! -x "$tool" ]; then continue; fi
  page=$TOP_SRCDIR/man/$(basename "$tool").8
  [ -f "$page" ] || fail "$page is missing"
  compare "$tool" "$page" || wrong=1
  # fwrecover(8) is where all are explained; the other tools have fewer.
  case $tool in
    "$FWRECOVER") compare_codes "$page" all || wrong=1 ;;
    *) compare_codes "$page" || wrong=1 ;;
  esac
  compared=$((compared + 1))
done
[ "$compared" -gt 0 ] || skip 'there are no tools yet'
[ "$wrong" -eq 0 ] || fail 'the manual pages and --help differ as listed above'
