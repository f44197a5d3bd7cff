# SPDX-License-Identifier: GPL-2.0-or-later
# need: go
# timeout: 200
# A Go program is static, makes its own system calls, and has threads that preempt each other by signals.
set -e
export HOME=$PWD GOCACHE=${TMPDIR:-/tmp}/go-cache GOFLAGS=-mod=mod GOTOOLCHAIN=local CGO_ENABLED=0 GOPROXY=off
cat >go.mod <<'X'
module example
go 1.19
X
cat >main.go <<'X'
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"sync"
	"syscall"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	var wg sync.WaitGroup
	for i := 0; i < 20; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			check(os.WriteFile(fmt.Sprintf("g%02d", i), make([]byte, i*100), 0644))
		}(i)
	}
	wg.Wait()
	names, err := filepath.Glob("g*")
	check(err)
	fmt.Println(len(names))
	check(os.MkdirAll("d/e/f", 0755))
	check(os.Rename("g01", "d/e/r"))
	check(os.Symlink("e/r", "d/s"))
	st, err := os.Stat("d/s")
	check(err)
	fmt.Println(st.Size(), st.Mode())
	var walked []string
	check(filepath.Walk("d", func(p string, _ os.FileInfo, err error) error { walked = append(walked, p); return err }))
	sort.Strings(walked)
	fmt.Println(walked)
	f, err := os.OpenFile("log", os.O_CREATE|os.O_APPEND|os.O_RDWR, 0600)
	check(err)
	fmt.Fprintf(f, "one\ntwo\n")
	check(f.Sync())
	check(f.Truncate(4))
	f.Seek(0, io.SeekStart)
	s := bufio.NewScanner(f)
	for s.Scan() {
		fmt.Println(s.Text())
	}
	check(syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
	m, err := syscall.Mmap(int(f.Fd()), 0, 4, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	check(err)
	m[0] = 'O'
	check(syscall.Munmap(m))
	check(f.Close())
	out, err := exec.Command("sh", "-c", "cat log; exit 3").Output()
	fmt.Print(string(out), err, "\n")
	l, err := net.Listen("unix", "sock")
	check(err)
	go func() {
		c, err := l.Accept()
		check(err)
		f, err := os.Open("log")
		check(err)
		io.Copy(c, f)
		c.Close()
	}()
	c, err := net.Dial("unix", "sock")
	check(err)
	b, _ := io.ReadAll(c)
	fmt.Print(string(b))
	l.Close()
	check(os.RemoveAll("d"))
	_, err = os.Open("nothere")
	fmt.Println(err)
}
X
go build -o scratch-p .; ./scratch-p; GOMAXPROCS=8 go run . | tail -1; go list -f '{{.Name}}'; gofmt -l .; rm -rf go .config .cache
