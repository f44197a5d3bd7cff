# SPDX-License-Identifier: GPL-2.0-or-later
# --net ...,dhcp: an address by DHCP, on both stacks, from a server in a view of the same wire.
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"
need dnsmasq

stacks=lwip
built umview-lwip || stacks=
! unshare -Urn true 2>/dev/null || stacks="kernel $stacks"
for stack in $stacks; do
	rm -f up done
	um --root --net "pair=$stack$$,ip=10.7.0.1/24,stack=$stack" -- sh -ec 'dnsmasq -k -u root -p 0 --no-ping --no-resolv --no-hosts \
		--dhcp-range=10.7.0.50,10.7.0.50,120 --dhcp-option=6,10.7.0.1,10.7.0.9 --dhcp-leasefile="$PWD/leases" -i eth0 \
		-x "$PWD/pid" 2>log & until [ -s pid ]; do kill -0 $!; sleep 0.02; done; touch up
		until [ -e done ]; do sleep 0.05; done; kill $!; wait' &
	server=$!
	until_true 20 test -e up
	gives "dhcp, $stack" 0 um --net "pair=$stack$$,mac=02:00:00:00:00:07,dhcp,stack=$stack" -- sh -ec '
		ip -o -4 addr show eth0 | tr -s " " | cut -d" " -f3-4; ip route show default | cut -d" " -f1-5
		cat /etc/resolv.conf; busybox ping -c 1 -W 5 10.7.0.1 | grep received'
	is "dhcp, $stack" "$OUT" "inet 10.7.0.50/24
default via 10.7.0.1 dev eth0
nameserver 10.7.0.1
nameserver 10.7.0.9
1 packets transmitted, 1 packets received, 0% packet loss"
	gives "what is said counts, $stack" 0 um --net "pair=$stack$$,mac=02:00:00:00:00:07,dhcp,dns=10.7.0.3,stack=$stack" -- cat /etc/resolv.conf
	is "what is said counts, $stack" "$OUT" "nameserver 10.7.0.3"
	gives "added, $stack" 0 um -- sh -ec 'umctl net add lab "$1"; umctl net use lab ip -br -4 addr show eth0' \
		sh "pair=$stack$$,mac=02:00:00:00:00:07,dhcp,stack=$stack"
	has "added, $stack" "$OUT" "10.7.0.50/24"
	touch done
	wait $server || fail "the view with the server ended badly: $(cat log)"
	gives "no server, $stack" 125 um --net "pair=$stack$$,dhcp,stack=$stack" -- true
	has "no server, $stack" "$OUT" "no DHCP server has answered"
done
gives "dhcp of slirp" 0 um --net slirp,dhcp -- ip -br -4 addr show eth0
has "dhcp of slirp" "$OUT" "10.0.2.15/24"
gives "dhcp of nothing" 125 um --net none,dhcp -- true
nothing_left
