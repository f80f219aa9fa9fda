# SPDX-License-Identifier: GPL-3.0-or-later
# lib/diagnose: what fwdiag does beside the facade: hosts, donors, buses, BMCs, Bluetooth.  Its interface is
# installed with the facade's (lib/fwrecover/public).
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libdiagnose.la
%C%_libdiagnose_la_SOURCES =
%C%_libdiagnose_la_SOURCES += %D%/bluetooth_scan.cpp
%C%_libdiagnose_la_SOURCES += %D%/bmc_account.cpp
%C%_libdiagnose_la_SOURCES += %D%/bmc_account.hpp
%C%_libdiagnose_la_SOURCES += %D%/bridged_bus.cpp
%C%_libdiagnose_la_SOURCES += %D%/bridged_bus.hpp
%C%_libdiagnose_la_SOURCES += %D%/bus.cpp
%C%_libdiagnose_la_SOURCES += %D%/bus_emulator.cpp
%C%_libdiagnose_la_SOURCES += %D%/bus_emulator.hpp
%C%_libdiagnose_la_SOURCES += %D%/bus_events.cpp
%C%_libdiagnose_la_SOURCES += %D%/bus_events.hpp
%C%_libdiagnose_la_SOURCES += %D%/diagnostics.cpp
%C%_libdiagnose_la_SOURCES += %D%/donor.cpp
%C%_libdiagnose_la_SOURCES += %D%/offers.cpp
%C%_libdiagnose_la_SOURCES += %D%/survey.cpp
%C%_libdiagnose_la_SOURCES += %D%/survey.hpp
%C%_libdiagnose_la_SOURCES += %D%/until_signal.hpp
%C%_libdiagnose_la_SOURCES += %D%/why.cpp
