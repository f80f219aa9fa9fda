# SPDX-License-Identifier: GPL-3.0-or-later
# lib/fwrecover: the facade.  Its headers are installed, and have no third-party types.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libfacade.la
%C%_libfacade_la_SOURCES =
%C%_libfacade_la_SOURCES += %D%/advice.cpp
%C%_libfacade_la_SOURCES += %D%/advice.hpp
%C%_libfacade_la_SOURCES += %D%/bluetooth.cpp
%C%_libfacade_la_SOURCES += %D%/bmc_account.cpp
%C%_libfacade_la_SOURCES += %D%/bmc_account.hpp
%C%_libfacade_la_SOURCES += %D%/bridged_bus.cpp
%C%_libfacade_la_SOURCES += %D%/bridged_bus.hpp
%C%_libfacade_la_SOURCES += %D%/bus.cpp
%C%_libfacade_la_SOURCES += %D%/bus_events.cpp
%C%_libfacade_la_SOURCES += %D%/bus_events.hpp
%C%_libfacade_la_SOURCES += %D%/catalogue.cpp
%C%_libfacade_la_SOURCES += %D%/conclude.cpp
%C%_libfacade_la_SOURCES += %D%/conclude.hpp
%C%_libfacade_la_SOURCES += %D%/diagnostics.cpp
%C%_libfacade_la_SOURCES += %D%/donor_config.cpp
%C%_libfacade_la_SOURCES += %D%/donor_config.hpp
%C%_libfacade_la_SOURCES += %D%/donor_daemon.cpp
%C%_libfacade_la_SOURCES += %D%/event.cpp
%C%_libfacade_la_SOURCES += %D%/lines.cpp
%C%_libfacade_la_SOURCES += %D%/lines.hpp
%C%_libfacade_la_SOURCES += %D%/media_config.cpp
%C%_libfacade_la_SOURCES += %D%/media_config.hpp
%C%_libfacade_la_SOURCES += %D%/network_story.cpp
%C%_libfacade_la_SOURCES += %D%/network_story.hpp
%C%_libfacade_la_SOURCES += %D%/output_file.cpp
%C%_libfacade_la_SOURCES += %D%/output_file.hpp
%C%_libfacade_la_SOURCES += %D%/quantity.cpp
%C%_libfacade_la_SOURCES += %D%/recipient.cpp
%C%_libfacade_la_SOURCES += %D%/recipient_config.cpp
%C%_libfacade_la_SOURCES += %D%/recipient_config.hpp
%C%_libfacade_la_SOURCES += %D%/recipient_health.cpp
%C%_libfacade_la_SOURCES += %D%/recipient_impl.hpp
%C%_libfacade_la_SOURCES += %D%/recipient_links.cpp
%C%_libfacade_la_SOURCES += %D%/recipient_links.hpp
%C%_libfacade_la_SOURCES += %D%/recipient_manifest.cpp
%C%_libfacade_la_SOURCES += %D%/recipient_request.cpp
%C%_libfacade_la_SOURCES += %D%/settings.cpp
%C%_libfacade_la_SOURCES += %D%/settings.hpp
%C%_libfacade_la_SOURCES += %D%/version.cpp

fwrecoverincludedir = $(includedir)/fwrecover
fwrecoverinclude_HEADERS =
fwrecoverinclude_HEADERS += %D%/bluetooth.hpp
fwrecoverinclude_HEADERS += %D%/bus.hpp
fwrecoverinclude_HEADERS += %D%/diagnostics.hpp
fwrecoverinclude_HEADERS += %D%/donor.hpp
fwrecoverinclude_HEADERS += %D%/event.hpp
fwrecoverinclude_HEADERS += %D%/export.hpp
fwrecoverinclude_HEADERS += %D%/quantity.hpp
fwrecoverinclude_HEADERS += %D%/recipient.hpp
fwrecoverinclude_HEADERS += %D%/version.hpp
