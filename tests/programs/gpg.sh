# SPDX-License-Identifier: GPL-2.0-or-later
# need: gpg
# ways: idle elsewhere
set -e
export GNUPGHOME=$PWD/scratch-g; mkdir -m 700 scratch-g; echo secret >f; gpg --batch --quiet --passphrase p --pinentry-mode loopback -c -o scratch-f.gpg f; gpg --batch --quiet --passphrase p --pinentry-mode loopback -d scratch-f.gpg 2>/dev/null; gpgconf --kill all
