# SPDX-License-Identifier: GPL-3.0-or-later
# lib/donor: the donor machine, catalogue, admission.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libdonor.la
%C%_libdonor_la_SOURCES =
