# SPDX-License-Identifier: GPL-3.0-or-later
# lib/donor: the donor (commands, stream, leases) and its catalogue.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libdonor.la
%C%_libdonor_la_SOURCES =
%C%_libdonor_la_SOURCES += %D%/catalogue.cpp
%C%_libdonor_la_SOURCES += %D%/catalogue.hpp
%C%_libdonor_la_SOURCES += %D%/catalogue_file.cpp
%C%_libdonor_la_SOURCES += %D%/catalogue_file.hpp
%C%_libdonor_la_SOURCES += %D%/catalogue_review.cpp
%C%_libdonor_la_SOURCES += %D%/catalogue_review.hpp
%C%_libdonor_la_SOURCES += %D%/donor.cpp
%C%_libdonor_la_SOURCES += %D%/donor.hpp
%C%_libdonor_la_SOURCES += %D%/donor_commands.cpp
%C%_libdonor_la_SOURCES += %D%/donor_commands.hpp
%C%_libdonor_la_SOURCES += %D%/donor_stream.cpp
%C%_libdonor_la_SOURCES += %D%/donor_stream.hpp
%C%_libdonor_la_SOURCES += %D%/entry_file.cpp
%C%_libdonor_la_SOURCES += %D%/entry_file.hpp
%C%_libdonor_la_SOURCES += %D%/event_queue.hpp
%C%_libdonor_la_SOURCES += %D%/grant_queue.cpp
%C%_libdonor_la_SOURCES += %D%/grant_queue.hpp
%C%_libdonor_la_SOURCES += %D%/incoming_file.cpp
%C%_libdonor_la_SOURCES += %D%/incoming_file.hpp
%C%_libdonor_la_SOURCES += %D%/lease.cpp
%C%_libdonor_la_SOURCES += %D%/lease.hpp
%C%_libdonor_la_SOURCES += %D%/link_terms.cpp
%C%_libdonor_la_SOURCES += %D%/link_terms.hpp
%C%_libdonor_la_SOURCES += %D%/offer_token.cpp
%C%_libdonor_la_SOURCES += %D%/offer_token.hpp
%C%_libdonor_la_SOURCES += %D%/shelf.hpp
%C%_libdonor_la_SOURCES += %D%/words.hpp
