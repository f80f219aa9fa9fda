# SPDX-License-Identifier: GPL-3.0-or-later
# lib/session: RMCP+ client and server machines.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libsession.la
%C%_libsession_la_SOURCES =
%C%_libsession_la_SOURCES += %D%/application.hpp
%C%_libsession_la_SOURCES += %D%/channel.cpp
%C%_libsession_la_SOURCES += %D%/channel.hpp
%C%_libsession_la_SOURCES += %D%/client.cpp
%C%_libsession_la_SOURCES += %D%/client.hpp
%C%_libsession_la_SOURCES += %D%/client_handshake.cpp
%C%_libsession_la_SOURCES += %D%/client_handshake.hpp
%C%_libsession_la_SOURCES += %D%/command_queue.cpp
%C%_libsession_la_SOURCES += %D%/command_queue.hpp
%C%_libsession_la_SOURCES += %D%/conversation.hpp
%C%_libsession_la_SOURCES += %D%/crypto.cpp
%C%_libsession_la_SOURCES += %D%/crypto.hpp
%C%_libsession_la_SOURCES += %D%/keys.cpp
%C%_libsession_la_SOURCES += %D%/keys.hpp
%C%_libsession_la_SOURCES += %D%/link_servers.cpp
%C%_libsession_la_SOURCES += %D%/link_servers.hpp
%C%_libsession_la_SOURCES += %D%/login_log.cpp
%C%_libsession_la_SOURCES += %D%/login_log.hpp
%C%_libsession_la_SOURCES += %D%/mailbox.hpp
%C%_libsession_la_SOURCES += %D%/openings.cpp
%C%_libsession_la_SOURCES += %D%/openings.hpp
%C%_libsession_la_SOURCES += %D%/plain_client.cpp
%C%_libsession_la_SOURCES += %D%/plain_client.hpp
%C%_libsession_la_SOURCES += %D%/plain_server.cpp
%C%_libsession_la_SOURCES += %D%/plain_server.hpp
%C%_libsession_la_SOURCES += %D%/server.cpp
%C%_libsession_la_SOURCES += %D%/server.hpp
%C%_libsession_la_SOURCES += %D%/server_config.hpp
%C%_libsession_la_SOURCES += %D%/server_handshake.cpp
%C%_libsession_la_SOURCES += %D%/server_handshake.hpp
%C%_libsession_la_SOURCES += %D%/session_table.cpp
%C%_libsession_la_SOURCES += %D%/session_table.hpp
%C%_libsession_la_SOURCES += %D%/sessionless.cpp
%C%_libsession_la_SOURCES += %D%/sessionless.hpp
%C%_libsession_la_SOURCES += %D%/source_limiter.cpp
%C%_libsession_la_SOURCES += %D%/source_limiter.hpp
%C%_libsession_la_SOURCES += %D%/standard_commands.cpp
%C%_libsession_la_SOURCES += %D%/standard_commands.hpp
%C%_libsession_la_SOURCES += %D%/suite.hpp
%C%_libsession_la_SOURCES += %D%/window.hpp
