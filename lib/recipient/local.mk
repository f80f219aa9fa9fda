# SPDX-License-Identifier: GPL-3.0-or-later
# lib/recipient: the recovery machine and the transfer machine.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/librecipient.la
%C%_librecipient_la_SOURCES =
%C%_librecipient_la_SOURCES += %D%/block_store.hpp
%C%_librecipient_la_SOURCES += %D%/block_window.cpp
%C%_librecipient_la_SOURCES += %D%/block_window.hpp
%C%_librecipient_la_SOURCES += %D%/discovery.cpp
%C%_librecipient_la_SOURCES += %D%/discovery.hpp
%C%_librecipient_la_SOURCES += %D%/donor_link.cpp
%C%_librecipient_la_SOURCES += %D%/donor_link.hpp
%C%_librecipient_la_SOURCES += %D%/grant_book.cpp
%C%_librecipient_la_SOURCES += %D%/grant_book.hpp
%C%_librecipient_la_SOURCES += %D%/image_store.cpp
%C%_librecipient_la_SOURCES += %D%/image_store.hpp
%C%_librecipient_la_SOURCES += %D%/installation.cpp
%C%_librecipient_la_SOURCES += %D%/installation.hpp
%C%_librecipient_la_SOURCES += %D%/known_links.hpp
%C%_librecipient_la_SOURCES += %D%/link_timers.cpp
%C%_librecipient_la_SOURCES += %D%/link_timers.hpp
%C%_librecipient_la_SOURCES += %D%/machine_donors.cpp
%C%_librecipient_la_SOURCES += %D%/machine_install.cpp
%C%_librecipient_la_SOURCES += %D%/machine_return.cpp
%C%_librecipient_la_SOURCES += %D%/pace.cpp
%C%_librecipient_la_SOURCES += %D%/pace.hpp
%C%_librecipient_la_SOURCES += %D%/patience.hpp
%C%_librecipient_la_SOURCES += %D%/recovery.cpp
%C%_librecipient_la_SOURCES += %D%/recovery.hpp
%C%_librecipient_la_SOURCES += %D%/segment_size.cpp
%C%_librecipient_la_SOURCES += %D%/segment_size.hpp
%C%_librecipient_la_SOURCES += %D%/selection.cpp
%C%_librecipient_la_SOURCES += %D%/selection.hpp
%C%_librecipient_la_SOURCES += %D%/situation.cpp
%C%_librecipient_la_SOURCES += %D%/situation.hpp
%C%_librecipient_la_SOURCES += %D%/survey.cpp
%C%_librecipient_la_SOURCES += %D%/survey.hpp
%C%_librecipient_la_SOURCES += %D%/transfer.cpp
%C%_librecipient_la_SOURCES += %D%/transfer.hpp
%C%_librecipient_la_SOURCES += %D%/transitions.cpp
%C%_librecipient_la_SOURCES += %D%/transitions.hpp
%C%_librecipient_la_SOURCES += %D%/tree_store.cpp
%C%_librecipient_la_SOURCES += %D%/tree_store.hpp
%C%_librecipient_la_SOURCES += %D%/vetting.cpp
%C%_librecipient_la_SOURCES += %D%/vetting.hpp
%C%_librecipient_la_SOURCES += %D%/words.hpp
