# SPDX-License-Identifier: GPL-2.0-or-later
# need: openssl
set -e
head -c 50000 /dev/zero >z; openssl enc -aes-128-cbc -K 00112233445566778899aabbccddeeff -iv 00112233445566778899aabbccddeeff -in z -out e; openssl dgst -sha256 e; openssl genrsa -out scratch-k 1024 2>/dev/null; openssl rsa -in scratch-k -check -noout 2>&1 | tail -1
