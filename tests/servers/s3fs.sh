# SPDX-License-Identifier: GPL-2.0-or-later
# server: s3fs
# packages: s3fs python3-swift
# writes: yes
# caveat: no hard links; a file goes to S3 at close(2), and is not found by another before; tried with the S3 of OpenStack Swift
# timeout: 240
. "$TOP/tests/servers/lib.sh"
need s3fs
"$PYTHON" -c 'import swift' 2>/dev/null || skip "no python3-swift here"
can="symlink chmod" cannot=reopen few=yes
export AWSACCESSKEYID=test:tester AWSSECRETACCESSKEY=testing

prepare() {
	rm -rf store port
	mkdir store
	"$PYTHON" "$TOP/tests/lib/s3.py" store >port 2>errors &
	served=$!
	until_true 60 test -s port
	url=http://127.0.0.1:$(cat port)
	export url
	source="s3fs#bucket" options="url=$url,use_path_request_style"
	# what is to be read is put there by the server itself
	um -- bash -euc 's3fs bucket "$PWD/mnt" -o "url=$url,use_path_request_style,createbucket"
		cp -a tree/* mnt/
		fusermount -u mnt'
}
by_hand() {
	s3fs bucket "$HERE/mnt" -o "url=$url,use_path_request_style"
}
unmounted() {
	kill "$served"
	wait "$served" || true
}
run_server "$@"
