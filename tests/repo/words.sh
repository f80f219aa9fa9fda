#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Words that the documents avoid, each with its reason. What stands in backticks (names of tests and
# mutants), in an error's advice, or in a literal block is not judged: the code has those words. Comments
# and messages of the code still have some: words-in-code.txt has the number for each folder, which may only
# fall.
. "$TOP_SRCDIR/tests/repo/common.sh"

cat >"$work/avoided" <<'END'
whom name the role: the donor, recipient, attacker, node, caller
whoever name the role: the donor, recipient, attacker, node, caller
somebody name the role, or say "a person"
someone name the role, or say "a person"
nobody name the role: no donor, no node, no user
everybody name the role: every node, every user
everyone name the role: every node, every user
anybody name the role: an attacker, any node, any user
anyone name the role: an attacker, any node, any user
END

# avoided_words TREE: prints each avoided word with file, line and reason, and fails if there is one.
avoided_words() {
  tree_files "$1" | grep -E '^(README\.md|HACKING\.md|NEWS|doc/.*\.md|man/.*\.[1-8]|contrib/.*)$' >"$work/documents" || :
  while read -r file; do
    awk -v file="$file" '
      FILENAME == ARGV[1] { word = $1; sub(/^[^ ]+ /, ""); reason[word] = $0; next }
      /^\.Sh / { skipped = /ERROR NAMES/ }
      /^\.Bd -literal/ { literal = 1 }
      /^\.Ed/ { literal = 0 }
      skipped || literal { next }
      {
        line = tolower($0); gsub(/`[^`]*`/, "", line)
        count = split(line, words, /[^a-z]+/)
        for (i = 1; i <= count; i++)
          if (words[i] in reason) print file ":" FNR ": \"" words[i] "\": " reason[words[i]]
      }' "$work/avoided" "$1/$file"
  done <"$work/documents" >"$work/found"
  cat "$work/found"
  [ -s "$work/documents" ] && [ ! -s "$work/found" ]
}

# These too in comments and messages of the code.
cat >"$work/avoided-in-code" <<'END'
told say "reported", or name the parameter
mend say "correct" or "repair"
END

# words_in_code TREE: "FOLDER FILE:LINE: WORD" for each avoided word in comments and texts of lib and tools.
words_in_code() {
  tree_files "$1" | grep -E '^(lib|tools)/.*\.(c|h|cpp|hpp)$' >"$work/sources"
  cat "$work/avoided" "$work/avoided-in-code" >"$work/words"
  # shellcheck disable=SC2016
  (cd "$1" && xargs awk '
    FILENAME == ARGV[1] { avoided[$1] = 1; next }
    FNR == 1 { split(FILENAME, part, "/"); folder = part[1] == "lib" ? "lib/" part[2] : part[1] }
    {
      text = line = ""
      if (match($0, /\/\/|^ *\/?\*/)) { text = substr($0, RSTART); line = substr($0, 1, RSTART - 1) }
      else line = $0
      while (match(line, /"([^"\\]|\\.)*"/)) {
        text = text " " substr(line, RSTART, RLENGTH)
        line = substr(line, RSTART + RLENGTH)
      }
      count = split(tolower(text), words, /[^a-z]+/)
      for (i = 1; i <= count; i++)
        if (words[i] in avoided) print folder " " FILENAME ":" FNR ": " words[i]
    }' "$work/words" <"$work/sources") >"$work/found-in-code"
}

# more_than_budget TREE BUDGET: prints the words of each folder that has more of them than its budget.
more_than_budget() {
  words_in_code "$1"
  awk '
    FILENAME == ARGV[1] { if (!/^#/ && NF) budget[$1] = $2; next }
    { ++count[$1]; where[$1] = where[$1] "  " $2 " " $3 "\n" }
    END {
      for (folder in count) if (count[folder] > budget[folder] + 0) {
        printf "%s has %d words to avoid, its budget is %d:\n%s", folder, count[folder], budget[folder], where[folder]
        wrong = 1
      }
      exit wrong
    }' "$2" "$work/found-in-code" && [ -s "$work/sources" ]
}

made=$work/made
mkdir -p "$made/doc"
# shellcheck disable=SC2016
for line in 'The node sends a frame.' 'The mutant `lets-anybody-guess` must fail.'; do
  printf '%s\n' "$line" >"$made/doc/PROTOCOL.md"
  must_accept "$line" avoided_words "$made"
done
for line in 'Whoever sends a frame waits.' 'The line is free when nobody talks.'; do
  printf '%s\n' "$line" >"$made/doc/PROTOCOL.md"
  must_reject "$line" avoided_words "$made"
done

avoided_words "$TOP_SRCDIR" || fail 'the documents have the words above'

mkdir -p "$made/lib/base"
echo 'lib/base 1' >"$work/budget"
# code LINE
code() { printf '%s\n' "$1" >"$made/lib/base/x.cpp"; }
code 'int nobody = to("the donor");  // no donor'
must_accept 'a name in code' more_than_budget "$made" /dev/null
code 'return "nobody answers";'
must_reject 'a message' more_than_budget "$made" /dev/null
must_accept 'a word within the budget' more_than_budget "$made" "$work/budget"
code 'return "nobody answers";  // Somebody might.'
must_reject 'more words than the budget' more_than_budget "$made" "$work/budget"
code '/// Whoever was told.'
must_reject 'a comment' more_than_budget "$made" /dev/null

budget=$TOP_SRCDIR/tests/repo/words-in-code.txt
more_than_budget "$TOP_SRCDIR" "$budget" || fail 'comments and messages have more of these words than before'
cut -d' ' -f1 "$work/found-in-code" | LC_ALL=C sort | uniq -c | while read -r count folder; do
  room=$(awk -v folder="$folder" '$1 == folder { print $2 }' "$budget")
  [ "$room" -eq "$count" ] || say "the budget of $folder can fall from $room to $count"
done
