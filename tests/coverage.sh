#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Line coverage of lib/ after the unit tests: coverage.sh BUILDDIR
# A header counts by the best run of any program that includes it.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$1"
find lib -name '*.gcda' | LC_ALL=C sort | while read -r data; do
  ${GCOV:-gcov} -n -o "$(dirname "$data")" "$data" 2>/dev/null
done | awk -v top="$top/" '
  /^File / {
    file = substr($0, 7); sub(/\047$/, "", file)
    while (sub(/^\.\.\//, "", file)) ;
    if (index(file, top) == 1) file = substr(file, length(top) + 1)
  }
  /^Lines executed:/ && file ~ /^lib\// {
    split($0, part, /[:% ]+/)
    percent = part[3]; lines = part[5]
    if (!(file in best) || percent > best[file]) best[file] = percent
    if (lines > total[file]) total[file] = lines
  }
  /^$/ { file = "" }
  END {
    for (file in best) {
      printf "%6.1f %%  of %5d lines  %s\n", best[file], total[file], file | "LC_ALL=C sort -k 6"
      hit += best[file] * total[file] / 100; all += total[file]
    }
    close("LC_ALL=C sort -k 6")
    if (!all) { print "no coverage data: run the tests first"; exit 1 }
    printf "%6.1f %%  of %5d lines  in all\n", 100 * hit / all, all
  }
'
