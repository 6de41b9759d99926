#!/usr/bin/env bash
# Installs Debian's Chromium, with which the tests look at the emulator's pages, where that is possible: as
# root on a machine with apt. Elsewhere those tests are skipped, and say so.
set -uo pipefail

for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "No Chromium: tests of the emulator's pages will be skipped."
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null
