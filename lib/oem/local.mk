# SPDX-License-Identifier: GPL-3.0-or-later
# lib/oem: the OEM commands in FreeIPMI's idiom (C).  Its headers are installed.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/liboem.la
%C%_liboem_la_SOURCES =
%C%_liboem_la_SOURCES += %D%/bmc_access.c
%C%_liboem_la_SOURCES += %D%/bmc_access.h
%C%_liboem_la_SOURCES += %D%/donor_query.c
%C%_liboem_la_SOURCES += %D%/fwrecover_cmds.c
%C%_liboem_la_SOURCES += %D%/fwrecover_cmds_api.c
%C%_liboem_la_SOURCES += %D%/icmb_bridge.c
%C%_liboem_la_SOURCES += %D%/icmb_bridge.h

oemincludedir = $(includedir)/fwrecover
oeminclude_HEADERS =
oeminclude_HEADERS += %D%/donor_query.h
oeminclude_HEADERS += %D%/ipmi-oem-fwrecover.h
