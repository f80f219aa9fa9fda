# SPDX-License-Identifier: GPL-3.0-or-later
# lib/wire: codecs only: no state, no I/O.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libwire.la
%C%_libwire_la_SOURCES =
%C%_libwire_la_SOURCES += %D%/basic_mode.cpp
%C%_libwire_la_SOURCES += %D%/basic_mode.hpp
%C%_libwire_la_SOURCES += %D%/crc16.cpp
%C%_libwire_la_SOURCES += %D%/crc16.hpp
%C%_libwire_la_SOURCES += %D%/icmb.cpp
%C%_libwire_la_SOURCES += %D%/icmb.hpp
%C%_libwire_la_SOURCES += %D%/ipmi.cpp
%C%_libwire_la_SOURCES += %D%/ipmi.hpp
%C%_libwire_la_SOURCES += %D%/layout.cpp
%C%_libwire_la_SOURCES += %D%/layout.hpp
%C%_libwire_la_SOURCES += %D%/oem.cpp
%C%_libwire_la_SOURCES += %D%/oem.hpp
%C%_libwire_la_SOURCES += %D%/plain.cpp
%C%_libwire_la_SOURCES += %D%/plain.hpp
%C%_libwire_la_SOURCES += %D%/rakp.cpp
%C%_libwire_la_SOURCES += %D%/rakp.hpp
%C%_libwire_la_SOURCES += %D%/rmcp.cpp
%C%_libwire_la_SOURCES += %D%/rmcp.hpp
%C%_libwire_la_SOURCES += %D%/rmcp_stream.cpp
%C%_libwire_la_SOURCES += %D%/rmcp_stream.hpp
%C%_libwire_la_SOURCES += %D%/stream.cpp
%C%_libwire_la_SOURCES += %D%/stream.hpp
