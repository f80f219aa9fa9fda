#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What is installed is enough: every header compiles alone beside the others only, a program links
# shellcheck disable=SC2086
# with libfwrecover.so, and the library exports nothing but its interface.
. "$TOP_SRCDIR/tests/repo/common.sh"

: "${CXX:?}"
flags="-std=c++20 -Wall -Wextra -Wconversion -Wshadow -Werror -I$work/include"
need_program nm

mkdir -p "$work/include/fwrecover"
sed -n 's,^fwrecoverinclude_HEADERS += %D%/public/fwrecover/,,p' "$TOP_SRCDIR/lib/fwrecover/local.mk" >"$work/headers"
[ -s "$work/headers" ] || fail 'no header is installed'
while read -r header; do
  cp "$TOP_SRCDIR/lib/fwrecover/public/fwrecover/$header" "$work/include/fwrecover/"
done <"$work/headers"

compiles() { $CXX $flags -fsyntax-only "$1"; }
echo '#include "fwrecover/surely-missing.hpp"' >"$work/one.cpp"
must_reject 'a header that is not there' compiles "$work/one.cpp"

while read -r header; do
  printf '#include "fwrecover/%s"\n' "$header" >"$work/one.cpp"
  compiles "$work/one.cpp" || fail "fwrecover/$header does not compile on its own"
done <"$work/headers"

# The C headers need libfreeipmi's only, which are the system's, and C or C++.
sed -n 's,^oeminclude_HEADERS += %D%/,,p' "$TOP_SRCDIR/lib/oem/local.mk" >"$work/c-headers"
[ -s "$work/c-headers" ] || fail 'no C header is installed'
while read -r header; do
  cp "$TOP_SRCDIR/lib/oem/$header" "$work/include/fwrecover/"
done <"$work/c-headers"
while read -r header; do
  printf '#include <fwrecover/%s>\n' "$header" >"$work/one.cpp"
  compiles "$work/one.cpp" || fail "fwrecover/$header does not compile on its own as C++"
  $CXX -x c -std=c11 -Wall -Wextra -Werror -I"$work/include" -fsyntax-only "$work/one.cpp" ||
    fail "fwrecover/$header does not compile on its own as C"
done <"$work/c-headers"

library=$TOP_BUILDDIR/lib/.libs/libfwrecover.so
[ -f "$library" ] || fail "$library is missing: build first"
cat >"$work/program.cpp" <<'END'
#include <fwrecover/version.hpp>
int main() { return fwrecover::library_version().empty() ? 1 : 0; }
END
$CXX $flags -o "$work/program" "$work/program.cpp" "$library" || fail 'a program does not link'
LD_LIBRARY_PATH=$TOP_BUILDDIR/lib/.libs "$work/program" || fail 'a program does not run'

cat >"$work/asks.cpp" <<'END'
#include <fwrecover/donor.hpp>
#include <fwrecover/recipient.hpp>
struct Counter : fwrecover::Observer {
  void on_event(const fwrecover::Event& event) override {
    if (event.name() == "asked") targets = event.list("targets");
  }
  std::vector<std::string> targets;
};
int main(int, char** argv) {
  const std::string directory = argv[1];
  Counter counter;
  fwrecover::Recipient recipient({"/dev/null", {"slots.a=" + directory + "/a", "slots.b=" + directory + "/b",
                                                "slots.state=" + directory + "/state", "policy.offer_window=300ms"}});
  fwrecover::OffersOptions offers;
  offers.ask.targets = {"127.0.0.1:1", "127.0.0.2:1"};
  offers.ask.broadcast = false;
  offers.ask.deadline_ms = 5000;
  if (recipient.offers(offers, counter).code != "no-donor-answered") return 1;
  if (counter.targets != std::vector<std::string>{"lan:127.0.0.1:1", "lan:127.0.0.2:1"}) return 2;
  offers.ask.targets = {"icmb:nonsense"};
  if (recipient.offers(offers, counter).code != "bad-configuration") return 3;
  // Nobody to ask, and not the networks of this machine instead.
  offers.ask.targets = {};
  if (recipient.offers(offers, counter).code != "bad-configuration") return 4;
  fwrecover::DonorDaemon donor({"/dev/null", {}, {"serial:/dev/no-such-line"}});
  return donor.config(counter).ok() ? 0 : 5;
}
END
$CXX $flags -o "$work/asks" "$work/asks.cpp" "$library" || fail 'a program that names donors does not link'
mkdir "$work/asking"
LD_LIBRARY_PATH=$TOP_BUILDDIR/lib/.libs "$work/asks" "$work/asking" || fail "a program that names donors ends with $?"

cat >"$work/program.c" <<'END'
#include <fwrecover/donor_query.h>
#include <fwrecover/ipmi-oem-fwrecover.h>
int main(void) {
  fiid_obj_t rq = fiid_obj_create(tmpl_cmd_oem_fwrecover_read_image_rq);
  const int filled = fill_cmd_oem_fwrecover_read_image(32473, 1, 0, 900, rq);
  fiid_obj_destroy(rq);
  /* Nobody answers there; what is behind the size that was given stays as it is. */
  struct { struct FwrDonorError error; unsigned char behind; } told = {{0}, 0x5a};
  struct FwrDonorAnswer answer = {.size = sizeof answer};
  struct FwrDonorAccess access = {.size = sizeof access, .host = "127.0.0.1:1", .cipher_suite_id = 17};
  told.error.size = sizeof told.error;
  if (fwr_donor_query(&access, 0, &answer, &told.error) != -1 || told.error.code != FWR_DONOR_NO_RESPONSE) return 2;
  access.size = 0;
  if (fwr_donor_query(&access, 0, &answer, &told.error) != -1 || told.error.code != FWR_DONOR_BAD_ARGUMENT) return 3;
  return filled == 0 && told.behind == 0x5a && fwr_donor_query(0, 0, 0, 0) == -1 ? 0 : 1;
}
END
$CXX -x c -std=c11 -I"$work/include" -o "$work/c-program" "$work/program.c" -x none "$library" \
  -lfreeipmi || fail 'a C program does not link'
LD_LIBRARY_PATH=$TOP_BUILDDIR/lib/.libs "$work/c-program" || fail 'a C program does not run'

# Symbols of the interface; the version's own name; and what C++ makes for a class of the facade.
nm -DC --defined-only "$library" | sed -E 's/^[0-9a-f]* *[A-Za-z] //; s/@@?FWRECOVER_.*$//' |
  grep -Ev '^((typeinfo( name)?|vtable|VTT|guard variable) for )?fwrecover::' |
  grep -Ev '^(ipmi_cmd|fill_cmd|tmpl_cmd)_oem_fwrecover_|^fwr_donor_(list_images|query)$|^FWRECOVER_[0-9.]+$' >"$work/foreign" || :
if [ -s "$work/foreign" ]; then
  cat "$work/foreign"
  fail 'libfwrecover.so exports more than its interface'
fi
if nm -DC --defined-only "$library" | grep '::Impl::'; then fail 'what is behind the interface is exported'; fi
