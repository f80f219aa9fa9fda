# SPDX-License-Identifier: GPL-3.0-or-later
# lib/policy: health, compatibility, donor selection: decisions with reasons.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libpolicy.la
%C%_libpolicy_la_SOURCES =
