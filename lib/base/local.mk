# SPDX-License-Identifier: GPL-3.0-or-later
# lib/base: Result and Error, byte cursors, strong types.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libbase.la
%C%_libbase_la_SOURCES =
