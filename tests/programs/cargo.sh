# SPDX-License-Identifier: GPL-2.0-or-later
# need: cargo rustc
# timeout: 250
# A workspace with a library, a program, a build script and tests, built offline, again, and after a change.
set -e
export CARGO_HOME=$PWD/scratch-cargo CARGO_TARGET_DIR=$PWD/scratch-target CARGO_TERM_COLOR=never CARGO_NET_OFFLINE=true
mkdir -p lib/src app/src
printf '[workspace]\nmembers = ["lib", "app"]\n' >Cargo.toml
printf '[package]\nname = "lib"\nversion = "0.1.0"\nedition = "2018"\n' >lib/Cargo.toml
printf 'pub fn twice(x: u32) -> u32 { x * 2 }\n#[cfg(test)]\nmod tests { #[test] fn works() { assert_eq!(super::twice(21), 42); } }\n' >lib/src/lib.rs
printf '[package]\nname = "app"\nversion = "0.2.0"\nedition = "2018"\nbuild = "build.rs"\n[dependencies]\nlib = { path = "../lib" }\n' >app/Cargo.toml
printf 'use std::{env, fs, path::Path};\nfn main() { fs::write(Path::new(&env::var("OUT_DIR").unwrap()).join("made.rs"), "pub const MADE: u32 = 7;").unwrap(); println!("cargo:rerun-if-changed=build.rs"); }\n' >app/build.rs
printf 'include!(concat!(env!("OUT_DIR"), "/made.rs"));\nfn main() { println!("{} {} {}", lib::twice(MADE), env!("CARGO_PKG_VERSION"), std::env::args().count()); }\n' >app/src/main.rs
told() { sed 's/ (.*//; s/ in [0-9.]*m\{0,1\}s.*//; s/ [0-9.]*s$//' | grep -v "^ *Locking\|^warning: virtual" | LC_ALL=C sort; }
cargo build --offline 2>&1 | told
scratch-target/debug/app one two
cargo build --offline 2>&1 | told
cargo run --offline -q -- x
cargo test --offline -q -p lib 2>&1 | grep -c '^test result: ok'
echo 'broken' >>lib/src/lib.rs; cargo build --offline -q >scratch-log 2>&1 || echo "status $?"; grep -c '^error' scratch-log
cargo metadata --offline --format-version 1 --no-deps 2>/dev/null | grep -o '"name":"[a-z]*","version"' | sort
rm Cargo.lock
