# SPDX-License-Identifier: GPL-2.0-or-later
# need: guile
set -e
export GUILE_AUTO_COMPILE=0 HOME=$PWD
cat >a.scm <<'X'
(use-modules (ice-9 ftw) (ice-9 popen) (ice-9 rdelim))
(call-with-output-file "f" (lambda (p) (do ((i 0 (+ i 1))) ((= i 100)) (format p "line ~a\n" i))))
(mkdir "d") (copy-file "f" "d/c") (rename-file "f" "d/m") (symlink "c" "d/l")
(format #t "~s ~a ~a\n" (scandir "d") (stat:size (stat "d/l")) (readlink "d/l"))
(let ((p (open-input-pipe "wc -l <d/c; exit 3"))) (format #t "~a ~a\n" (read-line p) (status:exit-val (close-pipe p))))
(let ((p (open-file "d/c" "r+"))) (seek p 5 SEEK_SET) (display "ONE" p) (close-port p)) (format #t "~a\n" (call-with-input-file "d/c" read-line))
(catch 'system-error (lambda () (rmdir "d")) (lambda e (format #t "~a\n" (system-error-errno e))))
(let ((pid (primitive-fork))) (if (zero? pid) (primitive-_exit 4) (format #t "~a\n" (status:exit-val (cdr (waitpid pid))))))
X
guile a.scm; guile -c '(display (* 6 7)) (newline)'
