# SPDX-License-Identifier: GPL-3.0-or-later
# man: the manual pages, mdoc by hand.  One a line.

dist_man_MANS += %D%/fwdiag.8
dist_man_MANS += %D%/fwdonor.8
dist_man_MANS += %D%/fwdonord.8
dist_man_MANS += %D%/fwdonord.toml.5
dist_man_MANS += %D%/fwrecover.8
dist_man_MANS += %D%/fwrecover.toml.5
dist_man_MANS += %D%/libfwrecover.3
