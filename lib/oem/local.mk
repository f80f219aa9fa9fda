# SPDX-License-Identifier: GPL-3.0-or-later
# lib/oem: the OEM commands in FreeIPMI's idiom (C).
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/liboem.la
%C%_liboem_la_SOURCES =
