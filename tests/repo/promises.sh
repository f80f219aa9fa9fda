#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The tables of doc/TESTING.md, "Promises of the manuals: whole-program test", have all that is promised, and
# name tests that run it. What is promised is read from where it is: commands and options from --help, settings
# from the programs, variables from the manual pages, files from contrib/.
#
# A row is "| what | `word` `word` | `tests/x/y.sh` |". What is a command (`fwrecover request`), a file of
# settings (`fwrecover.toml`), `environment`, or a directory of contrib/; its words are then options, settings,
# variables or files. Each test of a row contains each word of it, and make check runs it. What has no backticks
# is a promise in words: slots, media. It may have no words, but a test.
# shellcheck disable=SC2016 # backticks of the tables
. "$TOP_SRCDIR/tests/repo/common.sh"

# --- what is promised: lines "WHAT<TAB>WORD" ------------------------------------------------------------

# promised_by_tool NAME TOOL: its commands, with the options of each.
promised_by_tool() {
  printf '%s\t\n' "$1"
  help_options "$2" | sed 's/ value$//' | sed -n "s/^--/$1\t--/p"
  help_commands "$2" | while read -r promised_command; do
    printf '%s\t\n' "$1 $promised_command"
    help_options "$2" "$promised_command" | sed 's/ value$//; /^--help$/d' | sed -n "s/^--/$1 $promised_command\t--/p"
  done
}
promised_settings() { # FILE SOURCE...
  promised_file_name=$1
  shift
  cat "$@" | tr '\n' ' ' | grep -o '{{"[^"]*", *"[^"]*", *Kind::' |
    sed "s/^{{\"\([^\"]*\)\", *\"\([^\"]*\)\".*\$/$promised_file_name\t\1.\2/"
}
promised_variables() { grep -ho '\bEv [A-Z_][A-Z_]*' "$@" | sed 's,^Ev ,environment\t,'; }
promised_files() { # TREE
  (cd "$1" && find contrib -mindepth 2 -type f) | grep -v -e '\.md$' | sed 's,^\(.*\)/\([^/]*\)$,\1\t\2,; s/\.in$//'
}
promised() {
  for promised_tool in "$FWRECOVER" "$FWDONORD" "$FWDONOR" "$FWDIAG"; do
    promised_by_tool "$(basename "$promised_tool")" "$promised_tool"
  done
  for promised_file in fwrecover:recipient fwdonord:donor; do
    promised_settings "${promised_file%:*}.toml" "$TOP_SRCDIR/lib/settings/${promised_file#*:}_config.cpp" \
      "$TOP_SRCDIR/lib/settings/media_config.cpp" "$TOP_SRCDIR/lib/settings/trusted_keys.cpp"
  done
  promised_variables "$TOP_SRCDIR"/man/*.[58]
  promised_files "$TOP_SRCDIR"
}

# --- what the tables say: lines "WHAT<TAB>WORD<TAB>TEST" --------------------------------------------------

rows() { # PAGE
  awk -F '|' '
    /^## / { here = /^## Promises of the manuals/ }
    !here || !/^\|/ || /^\|-/ || /^\| *(what|command|file|slot or medium|directory) *\|/ { next }
    {
      words = $3; tests = $4
      what = $2; gsub(/^ +| +$/, "", what)
      if (what ~ /^`[^`]*`$/) gsub(/`/, "", what); else what = "(" what ")"
      count = split(words, word, "`"); some = split(tests, test, "`")
      if (some < 2) print what "\t" (count > 1 ? word[2] : "") "\t"
      for (j = 2; j <= some; j += 2) {
        if (count < 2) print what "\t\t" test[j]
        for (i = 2; i <= count; i += 2) print what "\t" word[i] "\t" test[j]
      }
    }' "$1"
}

# contains FILE WHAT WORD: literally.
contains() {
  contains_word=$(printf '%s' "$3" | sed 's/[.*[]/\\&/g')
  case $2 in
  *.toml) # its name, or the key alone where the test writes the file
    contains_key=$(printf '%s' "${3##*.}")
    grep -q -e "$contains_word" -e "\\b$contains_key *=" "$1"
    ;;
  *) grep -q -e "\\(^\\|[^a-zA-Z0-9_-]\\)$contains_word\\([^a-zA-Z0-9_-]\\|\$\\)" "$1" ;;
  esac
}
# is_run TREE TEST: whether make check runs it.
is_run() {
  [ -f "$1/$2" ] || return 1
  case $2 in
  tests/vm/*)
    grep -q "^sections=.*\\b$(basename "$2" .sh)\\b" "$1/tests/vm/run.sh" || grep -q "tests/vm/$(basename "$2")\"" "$1"/tests/vm/*.sh
    ;;
  *.sh) grep -q "TESTS += %D%/$(basename "$2")\$" "$1/$(dirname "$2")/local.mk" ;;
  *) grep -q "%D%/$(basename "$2")" "$1/$(dirname "$2")/local.mk" ;;
  esac
}

# compare PROMISED TREE: prints what is wrong with the tables of TREE, and fails if anything is.
compare() {
  rows "$2/doc/TESTING.md" >"$work/rows"
  cut -f 1,2 "$work/rows" | LC_ALL=C sort -u >"$work/in-table"
  # A command whose options are there is there.
  { cat "$work/in-table" && cut -f 1 "$work/in-table" | sed 's/$/\t/'; } | LC_ALL=C sort -u >"$work/all-in-table"
  LC_ALL=C sort -u "$1" >"$work/promised"
  {
    LC_ALL=C comm -23 "$work/promised" "$work/all-in-table" | sed 's/\t/ /; s/$/: promised, and no row says what runs it/'
    grep -v '^(' "$work/in-table" | LC_ALL=C comm -13 "$work/promised" - | sed 's/\t/ /; s/$/: in the table, and not promised/'
    # Not by tabs: read makes one of two.
    tr '\t' '|' <"$work/rows" | while IFS='|' read -r what word test; do
      if [ -z "$test" ]; then
        echo "$what $word: no test"
      elif ! is_run "$2" "$test"; then
        echo "$what $word: $test is not run"
      elif [ -n "$word" ] && ! contains "$2/$test" "$what" "$word"; then
        echo "$what $word: $test does not contain it"
      fi
    done
  } >"$work/wrong"
  cat "$work/wrong"
  [ -s "$work/rows" ] && [ ! -s "$work/wrong" ]
}

# --- the proof, with tables of our own -------------------------------------------------------------------

made=$work/made
mkdir -p "$made/doc" "$made/tests/field" "$made/tests/vm"
printf 'TESTS += %%D%%/it.sh\n' >"$made/tests/field/local.mk"
printf 'fwrecover --config x request --again\nsize = 5\npolicy.role=x\nsome.service\nTERM=dumb\n' >"$made/tests/field/it.sh"
cp "$made/tests/field/it.sh" "$made/tests/field/forgotten.sh"
printf 'sections=${A:-radio}\n' >"$made/tests/vm/run.sh"
echo '--again' >"$made/tests/vm/radio.sh"
printf '%s\t%s\n' 'fwrecover request' '' 'fwrecover request' --again fwrecover.toml slots.size contrib/systemd some.service \
  environment TERM >"$work/made.promised"
table() {
  # shellcheck disable=SC2016 # backticks of the table
  printf '## Promises of the manuals: whole-program test\n\n| what | words | test |\n|---|---|---|\n%s\n' \
    '| `fwrecover request` | `--again` | `tests/field/it.sh` |
| `fwrecover.toml` | `slots.size` | `tests/field/it.sh` |
| `contrib/systemd` | `some.service` | `tests/field/it.sh` |
| `environment` | `TERM` | `tests/field/it.sh`, `tests/field/it.sh` |
| a slot of another kind | | `tests/field/it.sh` |' | sed "$1" >"$made/doc/TESTING.md"
}
try() {
  table "$1"
  compare "$work/made.promised" "$made"
}
must_accept 'tables that are right' try ''
must_accept 'a section of the virtual machine' try '/--again/s,tests/field/it.sh,tests/vm/radio.sh,'
must_reject 'an option without a row' try '/--again/d'
must_reject 'a setting without a row' try '/slots.size/d'
must_reject 'a unit without a row' try '/some.service/d'
must_reject 'a variable without a row' try '/TERM/d'
must_reject 'an option that there is not' try 's/`--again`/`--again` `--more`/'
must_reject 'a row without a test' try 's/`tests.*it.sh` |$/|/'
must_reject 'a promise in words without a test' try '/another kind/s/`tests.*/|/'
must_reject 'a test that is not there' try '/another kind/s/it.sh/that.sh/'
must_reject 'a test that nothing runs' try '/--again/s/it.sh/forgotten.sh/'
must_reject 'a test without the word' try '/--again/s,`tests/field/it.sh`,& `tests/field/it.sh`,; s/another kind | /another kind | `--less`/'
must_reject 'a section that is not run' try '/--again/s,tests/field/it.sh,tests/vm/lights.sh,'

# --- our promises ----------------------------------------------------------------------------------------

promised >"$work/ours"
for some in 'fwrecover request.--target' 'fwdonord.--listen' 'fwdiag icmb.--via' 'fwdonord.toml.lan.listen' 'environment.COLUMNS' \
  'contrib/systemd.fwdonord.service' 'contrib/cron.fwrecover.cron'; do
  grep -q "^$some\$" "$work/ours" || fail "this test does not see that $some is promised"
done
compare "$work/ours" "$TOP_SRCDIR" || fail 'promises and whole-program tests differ as listed above'
say "$(wc -l <"$work/ours") promises"
