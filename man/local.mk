# SPDX-License-Identifier: GPL-3.0-or-later
# man: the manual pages, mdoc by hand.  One a line:
#   dist_man_MANS += %D%/fwrecover.8
