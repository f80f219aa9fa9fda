# SPDX-License-Identifier: GPL-3.0-or-later
# lib/transport: the only place with sockets, ttys, the event loop, the clock and randomness.
# One file a line, in alphabetical order.

noinst_LTLIBRARIES += %D%/libtransport.la
%C%_libtransport_la_SOURCES =
%C%_libtransport_la_SOURCES += %D%/basic_mode_line.cpp
%C%_libtransport_la_SOURCES += %D%/basic_mode_line.hpp
%C%_libtransport_la_SOURCES += %D%/blocked_signals.hpp
%C%_libtransport_la_SOURCES += %D%/clock.cpp
%C%_libtransport_la_SOURCES += %D%/clock.hpp
%C%_libtransport_la_SOURCES += %D%/command.cpp
%C%_libtransport_la_SOURCES += %D%/command.hpp
%C%_libtransport_la_SOURCES += %D%/endpoint.hpp
%C%_libtransport_la_SOURCES += %D%/hosts.cpp
%C%_libtransport_la_SOURCES += %D%/hosts.hpp
%C%_libtransport_la_SOURCES += %D%/icmb_line.cpp
%C%_libtransport_la_SOURCES += %D%/icmb_line.hpp
%C%_libtransport_la_SOURCES += %D%/loop.cpp
%C%_libtransport_la_SOURCES += %D%/loop.hpp
%C%_libtransport_la_SOURCES += %D%/resolver.cpp
%C%_libtransport_la_SOURCES += %D%/resolver.hpp
%C%_libtransport_la_SOURCES += %D%/serial_port.cpp
%C%_libtransport_la_SOURCES += %D%/serial_port.hpp
%C%_libtransport_la_SOURCES += %D%/service_manager.cpp
%C%_libtransport_la_SOURCES += %D%/service_manager.hpp
%C%_libtransport_la_SOURCES += %D%/signals.cpp
%C%_libtransport_la_SOURCES += %D%/signals.hpp
%C%_libtransport_la_SOURCES += %D%/socket_address.cpp
%C%_libtransport_la_SOURCES += %D%/socket_address.hpp
%C%_libtransport_la_SOURCES += %D%/stopper.cpp
%C%_libtransport_la_SOURCES += %D%/stopper.hpp
%C%_libtransport_la_SOURCES += %D%/tty_endpoint.cpp
%C%_libtransport_la_SOURCES += %D%/tty_endpoint.hpp
%C%_libtransport_la_SOURCES += %D%/udp_endpoint.cpp
%C%_libtransport_la_SOURCES += %D%/udp_endpoint.hpp
%C%_libtransport_la_SOURCES += %D%/udp_socket.cpp
%C%_libtransport_la_SOURCES += %D%/udp_socket.hpp
%C%_libtransport_la_SOURCES += %D%/undelivered.cpp
%C%_libtransport_la_SOURCES += %D%/undelivered.hpp
%C%_libtransport_la_SOURCES += %D%/wireless.cpp
%C%_libtransport_la_SOURCES += %D%/wireless.hpp
%C%_libtransport_la_SOURCES += %D%/worker.cpp
%C%_libtransport_la_SOURCES += %D%/worker.hpp
