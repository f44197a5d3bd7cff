# SPDX-License-Identifier: GPL-2.0-or-later
# need: rustc
# timeout: 200
set -e
cat >a.rs <<'X'
use std::{fs, io::{Read, Seek, SeekFrom, Write}, process::Command, thread};
mod m;
fn main() -> std::io::Result<()> {
    let t: Vec<_> = (0..8).map(|i| thread::spawn(move || fs::write(format!("t{i}"), "x".repeat(i * 1000)))).collect();
    for x in t { x.join().unwrap()?; }
    fs::create_dir_all("d/e")?; fs::copy("t3", "d/c")?; fs::rename("t4", "d/e/m")?; std::os::unix::fs::symlink("c", "d/l")?; fs::hard_link("t5", "d/h")?;
    let mut v: Vec<_> = fs::read_dir("d")?.map(|e| e.unwrap().file_name().into_string().unwrap()).collect(); v.sort();
    println!("{v:?} {} {}", fs::metadata("d/l")?.len(), fs::symlink_metadata("d/l")?.file_type().is_symlink());
    let mut f = fs::OpenOptions::new().read(true).write(true).open("t5")?; f.seek(SeekFrom::Start(10))?; f.write_all(b"mid")?; f.seek(SeekFrom::Start(8))?; let mut b = [0; 7]; f.read_exact(&mut b)?;
    println!("{} {}", String::from_utf8_lossy(&b), m::answer()); f.set_len(5)?; println!("{}", f.metadata()?.len());
    let o = Command::new("sh").args(["-c", "cat t5; exit 3"]).output()?; println!("{:?} {:?}", String::from_utf8_lossy(&o.stdout), o.status.code());
    println!("{}", fs::read("nothere").unwrap_err()); println!("{:?}", fs::remove_dir("d").unwrap_err().raw_os_error()); fs::remove_dir_all("d")?;
    println!("{}", std::env::current_exe()?.file_name().unwrap().to_string_lossy());
    Ok(())
}
X
echo 'pub fn answer() -> i32 { 42 }' >m.rs
rustc --edition 2021 -C codegen-units=2 -o scratch-a a.rs; ./scratch-a
printf '#[test] fn works() { assert_eq!(2 + 2, 4); }\n#[test] fn other() {}\n' >t.rs; rustc --test -o scratch-t t.rs; ./scratch-t --test-threads=2 | grep -c '^test .*ok'
