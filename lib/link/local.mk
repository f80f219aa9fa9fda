# SPDX-License-Identifier: GPL-3.0-or-later
# lib/link: links that are no network: who talks when, addresses, loss.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/liblink.la
%C%_liblink_la_SOURCES =
%C%_liblink_la_SOURCES += %D%/basic_mode_port.cpp
%C%_liblink_la_SOURCES += %D%/basic_mode_port.hpp
%C%_liblink_la_SOURCES += %D%/bluetooth_words.cpp
%C%_liblink_la_SOURCES += %D%/bluetooth_words.hpp
%C%_liblink_la_SOURCES += %D%/bus_model.cpp
%C%_liblink_la_SOURCES += %D%/bus_model.hpp
%C%_liblink_la_SOURCES += %D%/icmb_assignment.cpp
%C%_liblink_la_SOURCES += %D%/icmb_assignment.hpp
%C%_liblink_la_SOURCES += %D%/icmb_bridge.cpp
%C%_liblink_la_SOURCES += %D%/icmb_discovery.cpp
%C%_liblink_la_SOURCES += %D%/icmb_discovery.hpp
%C%_liblink_la_SOURCES += %D%/icmb_limits.hpp
%C%_liblink_la_SOURCES += %D%/icmb_peers.cpp
%C%_liblink_la_SOURCES += %D%/icmb_peers.hpp
%C%_liblink_la_SOURCES += %D%/icmb_port.cpp
%C%_liblink_la_SOURCES += %D%/icmb_port.hpp
%C%_liblink_la_SOURCES += %D%/icmb_talker.cpp
%C%_liblink_la_SOURCES += %D%/icmb_talker.hpp
%C%_liblink_la_SOURCES += %D%/serial_rates.hpp
