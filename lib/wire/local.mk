# SPDX-License-Identifier: GPL-3.0-or-later
# lib/wire: codecs only: no state, no I/O.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libwire.la
%C%_libwire_la_SOURCES =
