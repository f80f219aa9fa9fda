# SPDX-License-Identifier: GPL-3.0-or-later
# lib/bluetooth: RMCP over RFCOMM, SDP records and searches, and scans for donors (PROTOCOL §13).
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libbluetooth.la
%C%_libbluetooth_la_SOURCES =
%C%_libbluetooth_la_SOURCES += %D%/bluetooth.hpp
%C%_libbluetooth_la_SOURCES += %D%/bluetooth_names.cpp
%C%_libbluetooth_la_SOURCES += %D%/bluetooth_names.hpp
%C%_libbluetooth_la_SOURCES += %D%/channel_search.cpp
%C%_libbluetooth_la_SOURCES += %D%/channel_search.hpp
%C%_libbluetooth_la_SOURCES += %D%/packet_stream.cpp
%C%_libbluetooth_la_SOURCES += %D%/packet_stream.hpp
%C%_libbluetooth_la_SOURCES += %D%/record_keeper.cpp
%C%_libbluetooth_la_SOURCES += %D%/record_keeper.hpp
%C%_libbluetooth_la_SOURCES += %D%/rfcomm_endpoint.cpp
%C%_libbluetooth_la_SOURCES += %D%/rfcomm_endpoint.hpp

if HAVE_BLUETOOTH
%C%_libbluetooth_la_SOURCES += %D%/bluetooth.cpp
%C%_libbluetooth_la_SOURCES += %D%/bluetooth_device.cpp
%C%_libbluetooth_la_SOURCES += %D%/bluetooth_device.hpp
%C%_libbluetooth_la_SOURCES += %D%/bluetooth_scan.cpp
%C%_libbluetooth_la_SOURCES += %D%/rfcomm_socket.cpp
%C%_libbluetooth_la_SOURCES += %D%/rfcomm_socket.hpp
%C%_libbluetooth_la_SOURCES += %D%/sdp.cpp
%C%_libbluetooth_la_SOURCES += %D%/sdp.hpp
%C%_libbluetooth_la_SOURCES += %D%/sdp_profile.cpp
else
%C%_libbluetooth_la_SOURCES += %D%/bluetooth_absent.cpp
endif
