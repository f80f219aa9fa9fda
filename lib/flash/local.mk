# SPDX-License-Identifier: GPL-3.0-or-later
# lib/flash: slots, their state record, targets.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libflash.la
%C%_libflash_la_SOURCES =
