# SPDX-License-Identifier: GPL-3.0-or-later
# lib/fwrecover: the facade.  The headers in public/ are installed, and have no third-party types.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libfacade.la
%C%_libfacade_la_SOURCES =
%C%_libfacade_la_SOURCES += %D%/advice.cpp
%C%_libfacade_la_SOURCES += %D%/advice.hpp
%C%_libfacade_la_SOURCES += %D%/catalogue.cpp
%C%_libfacade_la_SOURCES += %D%/conclude.cpp
%C%_libfacade_la_SOURCES += %D%/conclude.hpp
%C%_libfacade_la_SOURCES += %D%/directory_watch.hpp
%C%_libfacade_la_SOURCES += %D%/donor_daemon.cpp
%C%_libfacade_la_SOURCES += %D%/event.cpp
%C%_libfacade_la_SOURCES += %D%/interruption.cpp
%C%_libfacade_la_SOURCES += %D%/interruption.hpp
%C%_libfacade_la_SOURCES += %D%/media.cpp
%C%_libfacade_la_SOURCES += %D%/media.hpp
%C%_libfacade_la_SOURCES += %D%/network_story.cpp
%C%_libfacade_la_SOURCES += %D%/network_story.hpp
%C%_libfacade_la_SOURCES += %D%/output_file.cpp
%C%_libfacade_la_SOURCES += %D%/output_file.hpp
%C%_libfacade_la_SOURCES += %D%/quantity.cpp
%C%_libfacade_la_SOURCES += %D%/recipient.cpp
%C%_libfacade_la_SOURCES += %D%/recipient_health.cpp
%C%_libfacade_la_SOURCES += %D%/recipient_impl.hpp
%C%_libfacade_la_SOURCES += %D%/recipient_links.cpp
%C%_libfacade_la_SOURCES += %D%/recipient_links.hpp
%C%_libfacade_la_SOURCES += %D%/recipient_manifest.cpp
%C%_libfacade_la_SOURCES += %D%/recipient_request.cpp
%C%_libfacade_la_SOURCES += %D%/secrets.cpp
%C%_libfacade_la_SOURCES += %D%/version.cpp

fwrecoverincludedir = $(includedir)/fwrecover
fwrecoverinclude_HEADERS =
fwrecoverinclude_HEADERS += %D%/public/fwrecover/bluetooth.hpp
fwrecoverinclude_HEADERS += %D%/public/fwrecover/bus.hpp
fwrecoverinclude_HEADERS += %D%/public/fwrecover/diagnostics.hpp
fwrecoverinclude_HEADERS += %D%/public/fwrecover/donor.hpp
fwrecoverinclude_HEADERS += %D%/public/fwrecover/event.hpp
fwrecoverinclude_HEADERS += %D%/public/fwrecover/event_names.hpp
fwrecoverinclude_HEADERS += %D%/public/fwrecover/export.hpp
fwrecoverinclude_HEADERS += %D%/public/fwrecover/quantity.hpp
fwrecoverinclude_HEADERS += %D%/public/fwrecover/recipient.hpp
fwrecoverinclude_HEADERS += %D%/public/fwrecover/secrets.hpp
fwrecoverinclude_HEADERS += %D%/public/fwrecover/version.hpp
fwrecoverinclude_HEADERS += %D%/public/fwrecover/why.hpp
