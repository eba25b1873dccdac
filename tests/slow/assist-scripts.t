#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The same for perl and its scripts, in roots that have them.
. "$(dirname "$0")/../lib.sh"
debian_folder=trixie-builders
debian_packages="$debian_packages cmake ninja-build automake debhelper"
# shellcheck source=tests/assist/lib.sh
. "$(dirname "$0")/../assist/lib.sh"

tools_compare scripts
