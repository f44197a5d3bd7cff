# SPDX-License-Identifier: GPL-2.0-or-later
# The commands people type first; Meson does the work.
BUILD = build
PREFIX = /usr/local
SUITES =
RESUME =

all: $(BUILD)/build.ninja
	ninja -C $(BUILD) programs

$(BUILD)/build.ninja:
	tools/install-packages build
	meson setup --prefix=$(PREFIX) $(BUILD)

# Mounts an ext4 image, an ISO and a squashfs in a view, as an ordinary user, and proves it.
demo:
	tools/install-packages build run
	$(MAKE) all
	tools/demo $(BUILD)

# All tests; `make check SUITES="unit e2e"` for some, tests/run --help for one.
check:
	tools/install-packages build run test
	/usr/bin/python3 tests/run $(SUITES)

# The long forms of the tests that have one: each fuzzer for ten minutes, random jobs for an hour, some three hours in all.
# What was interrupted, or has failed, is gone on with by `make soak RESUME=--resume`; SUITES="fuzz" for some.
soak:
	tools/install-packages build run test
	/usr/bin/python3 tests/run --soak $(RESUME) $(SUITES)

# Ratios to native speed, as JSON lines.
bench:
	tools/install-packages build run
	tools/install-packages bench
	$(MAKE) all
	bench/run $(BUILD)
	bench/fs $(BUILD)
	bench/net $(BUILD)

# Served files beside the kernel's FUSE with the same server; as root, else beside a folder of the host.
bench-fs:
	tools/install-packages build run
	$(MAKE) all
	bench/fs $(BUILD)

# Copy on write beside its peers, as an ordinary user.
bench-cow:
	tools/install-packages build run
	tools/install-packages bench
	$(MAKE) all
	bench/cow $(BUILD)

# Networks of views beside veth pairs, slirp4netns, pasta, vdestack and LWIPv6 (as root, where /dev/net/tun is closed to users).
bench-net:
	tools/install-packages build run
	tools/install-packages bench
	$(MAKE) all
	bench/net $(BUILD)

# (a PREFIX that is said counts, whatever the build folder was made with)
install: $(BUILD)/build.ninja
	$(if $(filter file,$(origin PREFIX)),,meson configure --prefix=$(PREFIX) $(BUILD))
	$(MAKE) all
	meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf $(BUILD) build-*

.PHONY: all demo check soak bench bench-cow bench-net bench-fs install clean
