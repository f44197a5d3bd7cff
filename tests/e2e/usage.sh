# SPDX-License-Identifier: GPL-2.0-or-later
# Wrong usage: each is a message that says what, where and what to do; 125; nothing is left.
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"

# wrong WHAT PART-OF-MESSAGE ARGUMENT...
wrong() {
	local what=$1 part=$2
	shift 2
	gives "$what" 125 um "$@"
	has "$what: message" "$OUT" "$part"
	has "$what: from us" "$OUT" "umview:"
	[ "$(echo "$OUT" | wc -l)" -le 3 ] || fail "$what: a long message: $OUT"
}

mkdir mnt folder
ext4_image fs.img 8M
echo "nothing that is known" >text.img
head -c 100000 /dev/zero >zero.img
: >empty.img
head -c 3000 fs.img >short.img
cp fs.img secret.img
chmod 0 secret.img

wrong "unknown option" --bogus --bogus true
wrong "value missing" --name --name
wrong "value not wanted" --root=yes --root=yes true
wrong "bad name" "a b" --name "a b" true
wrong "bad level" loud --log-level loud true
wrong "log cannot be written" /no/such/folder/log --log /no/such/folder/log true
wrong "trace cannot be written" /no/such/folder/t --trace=/no/such/folder/t true
wrong "-o of something else" ro -o ro true
wrong "no target" fs.img -m fs.img true
wrong "image missing" none.img -m "none.img:$HERE/mnt" true
wrong "target missing" nowhere -m "fs.img:$HERE/nowhere" true
wrong "target is a file" text.img -m "fs.img:$HERE/text.img" true
wrong "unknown type of image" text.img -m "text.img:$HERE/mnt" true
wrong "zeros" zero.img -m "zero.img:$HERE/mnt" true
wrong "empty image" empty.img -m "empty.img:$HERE/mnt" true
wrong "truncated image" short.img -m "short.img:$HERE/mnt" true
wrong "a folder as image" folder -m "folder:$HERE/mnt" true
wrong "no such type" nofs -m "fs.img:$HERE/mnt,type=nofs" true
wrong "no such server" no-such-server -m "no-such-server#x:$HERE/mnt" true
[ "$(id -u)" = 0 ] || wrong "unreadable" secret.img -m "secret.img:$HERE/mnt" true

# as_json WHAT PART-OF-MESSAGE COMMAND...: 125, one object on standard output, nothing beside it
as_json() {
	local what=$1 part=$2
	shift 2
	STATUS=0
	"$@" >out.json 2>err.txt </dev/null || STATUS=$?
	is "$what: status" "$STATUS" 125
	is "$what: standard error" "$(cat err.txt)" ""
	OUT=$("$PYTHON" -c 'import json
o = json.loads(open("out.json").read())
print(o["ok"], o["error"])')
	has "$what" "$OUT" "False "
	has "$what" "$OUT" "$part"
}

as_json "JSON: image missing" none.img um --json -m "none.img:$HERE/mnt" true
as_json "JSON: dry run" text.img um --dry-run --json -m "text.img:$HERE/mnt" true
as_json "JSON: unknown option before it" --bogus um --bogus --json true
as_json "JSON: value missing" name um --json --name
as_json "JSON: log cannot be written" /no/such/folder um --log /no/such/folder/log --json true
as_json "JSON: umctl outside" "in no view" umctl --json ls
as_json "JSON: umctl, no such view" nobody umctl -n nobody ls --json
as_json "JSON: umctl, no command" "no command" umctl --json
as_json "JSON: umctl, wrong option" --bogus umctl --bogus --json ls
gives "a value that looks like it" 125 um --name --json true
has "a value that looks like it" "$OUT" "umview: --name '--json'"
um --json --dry-run -m "fs.img:$HERE/mnt,ro" -- echo "a b" >plan.json
is "JSON: plan" "$("$PYTHON" -c 'import json
o = json.load(open("plan.json"))
print(o["ok"], [(m["source"], "fuse2fs" in m["plan"]) for m in o["mounts"]], o["command"])')" \
	"True [('fs.img', True)] ['echo', 'a b']"
is "JSON: the command's output is its own" "$(um --json echo hello)" hello

few() {
	(ulimit -n 20 && exec umview "$@")
}
gives "few descriptors" 125 few -m "fs.img:$HERE/mnt" true
has "few descriptors" "$OUT" "raise the limit (ulimit -n)"

# What a truncated ext4 looks like when its superblock is whole
cp fs.img cut.img
truncate -s 1M cut.img
wrong "ext4 cut short" cut.img -m "cut.img:$HERE/mnt" true

is "the image is as it was" "$(e2fsck -fn fs.img >/dev/null 2>&1; echo $?)" 0
rmdir mnt
nothing_left

# --trace tells what calls are about, nothing mounted or not, in one line each
gives "a trace" 0 um --trace=trace.txt -- cat /etc/hostname
has "its paths" "$(cat trace.txt)" '"/etc/hostname" = continue'
gives "a trace of odd names" 1 um --trace=trace.txt -- cat $'odd\nname'
has "are one line" "$(cat trace.txt)" '"odd\012name" = continue'
