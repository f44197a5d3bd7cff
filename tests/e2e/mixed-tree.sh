# SPDX-License-Identifier: GPL-2.0-or-later
# Ordinary programs in a tree half of which is a mount, with links from each half into the other:
# they say the same as where all of it is real.
# timeout: 240
. "$TOP/tests/e2e/lib.sh"

need git python3
export UM_TIMEOUT=200
cat >programs.sh <<'END'
export LC_ALL=C GIT_CONFIG_NOSYSTEM=1
TOP=$1
cd $TOP
umask 022
mkdir -p real/dir mnt/d/e; echo R >real/f; echo M >mnt/d/f
ln -sfn ../mnt real/intom; ln -sfn $TOP/mnt/d real/absm; ln -sfn ../../real mnt/d/outr; ln -sfn $TOP/real/f mnt/absr
ln -sfn loop mnt/loop; ln -sfn nowhere mnt/dang; ln -sfn e mnt/d/l2e
echo "== bash"
cd real/intom/d; pwd; pwd -P; cd ..; pwd; pwd -P; cd -P ..; pwd; cd $TOP/mnt/d/outr; pwd; pwd -P; cat ../../f 2>&1; cat f; cat intom/d/outr/absm/f; cd ../d; pwd -P
cd $TOP/mnt/d/e/..; pwd; cd ../..; pwd
cd $TOP
echo "== realpath"
for p in real/intom real/absm/f mnt/d/outr/f mnt/absr mnt/loop mnt/dang mnt/dang/x mnt/d/l2e/../f real/intom/../real/f mnt/../mnt/d/ mnt/d/f/ mnt/d/f/.. /proc/self/cwd/mnt/d nofile/../mnt; do echo "$p: $(realpath $p 2>&1) | $(realpath -m $p 2>&1) | $(readlink -f $p 2>&1) | $(readlink -e $p)| $(stat -c '%F %N' $p 2>&1) | $(stat -L -c '%F' $p 2>&1)"; done
echo "== ls"; ls -F -I lost+found mnt mnt/ mnt/d/outr/ mnt/d/outr real/intom real/absm/ 2>&1; ls -ld mnt/d/l2e mnt/d/l2e/ | cut -c1-10
for p in mnt/dang mnt/dang/ mnt/loop mnt/loop/ mnt/absr/ mnt/d/f/x; do ls -d $p 2>&1; test -e $p; echo $?; test -L $p; echo $?; cat $p 2>&1; done
echo "== find"; find . -path ./mnt/lost+found -prune -o -print | sort; find -L real mnt -name lost+found -prune -o -maxdepth 6 -print 2>&1 | sort | head -60
echo "== python"; python3 - <<'P'
import os,errno,re
def t(f,*a,**k):
    n=[re.sub(r'fd/\d+','fd/N',x) if isinstance(x,str) else x for x in a]
    try: r=f(*a,**k); print(f.__name__,n,oct(r.st_mode) if hasattr(r,'st_mode') else 'fd' if f is os.open else r)
    except OSError as e: print(f.__name__,n,errno.errorcode[e.errno])
for r,d,f in os.walk('.'):
    d[:]=[x for x in sorted(d) if x!='lost+found']; print(r,d,sorted(f))
for r,d,f,fd in os.fwalk('mnt'):
    d[:]=[x for x in sorted(d) if x!='lost+found']; print(r,d,sorted(f))
for p in ['real/intom','mnt/d/outr/intom/d/outr','mnt/loop','mnt/dang','real/absm/../f','mnt/absr']: print(p, os.path.realpath(p))
d=os.open('mnt/d',os.O_PATH|os.O_DIRECTORY); r=os.open('real',os.O_RDONLY)
for n in ['f','../absr','../../real/f','.','..','l2e','outr/f','nope','f/','f/.','../loop']:
    t(os.stat,n,dir_fd=d); t(os.lstat,n,dir_fd=d); t(os.readlink,n,dir_fd=d); t(os.access,n,os.R_OK,dir_fd=d)
for n in ['f','intom/d/f','absm/outr/f','../mnt/d','intom/absr']:
    t(os.stat,n,dir_fd=r); t(os.lstat,n,dir_fd=r); t(os.readlink,n,dir_fd=r)
os.fchdir(d); print(os.getcwd()); t(os.stat,'f'); print(os.path.abspath('f'), os.path.realpath('outr/f'))
for n in ['new','new','../new2','f/x','nodir/x','../../real/dir2','../../real/dir2','outr/dir3','l2e','..','.','new/..','dn/','l2e/']:
    t(os.mkdir,n)
for n in ['new','new','../new2','../../real/dir2','outr/dir3','f','..','.','l2e','l2e/','../..','nope','dn/']: t(os.rmdir,n)
t(os.symlink,'f','sl'); t(os.symlink,'f','sl'); t(os.symlink,'x','f/'); t(os.unlink,'sl/'); t(os.unlink,'sl'); t(os.unlink,'sl'); t(os.unlink,'e'); t(os.unlink,'l2e/'); t(os.unlink,'..')
t(os.rename,'f','f2'); t(os.rename,'f2','../f3'); t(os.rename,'../f3','f'); t(os.rename,'f','../../real/zz/nope'); t(os.rename,'e','e/x'); t(os.rename,'nope','x'); t(os.rename,'f','e'); t(os.rename,'e','f'); t(os.rename,'.','x'); t(os.rename,'e/','e9/'); t(os.rename,'e9','e/'); t(os.rename,'f/','x')
t(os.link,'f','hl'); t(os.link,'f','hl'); t(os.link,'e','hd'); t(os.unlink,'hl'); t(os.link,'l2e','hl',follow_symlinks=False); t(os.unlink,'hl')
t(os.open,'dn/',os.O_CREAT|os.O_WRONLY); t(os.open,'../dang',os.O_CREAT|os.O_WRONLY|os.O_EXCL); t(os.open,'l2e',os.O_RDONLY|os.O_NOFOLLOW); t(os.open,'f',os.O_DIRECTORY); t(os.open,'f/',os.O_RDONLY); t(os.open,'../loop',os.O_RDONLY); t(os.open,'e',os.O_WRONLY); t(os.open,'e',os.O_CREAT)
t(os.stat,'a'*255); t(os.stat,'a'*256); t(os.stat,'x/'*2100)
os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone'); t(os.getcwd); t(os.stat,'.'); t(os.stat,'..'); t(os.stat,'x'); t(os.listdir,'.'); t(os.mkdir,'x'); t(os.open,'x',os.O_CREAT|os.O_WRONLY); t(os.stat,'../f'); os.chdir('..'); print(os.getcwd())
os.chdir(os.path.dirname(os.path.dirname(os.getcwd())))
print(sorted(os.readlink('/proc/self/fd/%d'%x) for x in (d,r)), os.readlink('/proc/self/cwd'))
t(os.stat,'/proc/self/fd/%d/f'%d); t(os.stat,'/proc/self/fd/%d/../absr'%d); t(os.listdir,'/proc/self/fd/%d/e'%d); t(os.stat,'/dev/fd/%d/outr/f'%d); t(os.stat,'/proc/self/cwd/mnt/d/f');t(os.stat,'/proc/thread-self/cwd/mnt/d/f');t(os.stat,'/proc/self/root/%s/mnt/d/f'%os.getcwd())
P
echo "== git"
cd mnt; rm -rf repo; git init -q repo 2>&1; cd repo; git config user.email a@b; git config user.name x; mkdir -p s/t; for i in 1 2 3 4 5; do echo $i >s/t/$i; done; ln -s s/t lt; git add -A; git commit -qm one --date=2020-01-01T00:00:00 2>&1; git status --short; git log --format=%s%n%T; echo x >>s/t/1; git mv s/t/2 s/two; git status --short; git stash -q; git status --short; git stash pop -q; git commit -qam two; git checkout -q HEAD~1; ls s/t; git checkout -q -; git log --oneline --format=%s; git fsck --no-dangling 2>&1; git gc -q; git worktree add -q ../wt2 2>&1; ls ../wt2; cd ..; 
rm -rf repo wt2; cd ..
echo "== tools"
cp -a real mnt/copy; diff -r --no-dereference real mnt/copy && echo same; mv mnt/copy real/back; ls real/back; rm -rf real/back; tar -C real -cf - . | tar -C mnt/d/e -xf -; ls -F mnt/d/e; rm -rf mnt/d/e/*; 
touch mnt/t1; mv mnt/t1 mnt/t2; [ -e mnt/t2 ] && echo moved; install -D real/f mnt/i/n/s; ln -sr real/f mnt/i/rel; readlink mnt/i/rel; cat mnt/i/rel; rm -rf mnt/i mnt/t2
echo "== glob"; echo mnt/[a-k]* mnt/d/* real/*/ mnt/d/../d/*
END
mkdir -p native/mnt view/mnt home
export HOME=$HERE/home
ext4_image fs.img 64M
bash programs.sh "$HERE/native" >native.txt 2>&1 </dev/null
um -m "fs.img:$HERE/view/mnt" -- bash programs.sh "$HERE/view" >view.txt 2>&1 </dev/null || fail "the view: $(tail -5 view.txt)"
sed -i "s,$HERE/view,$HERE/native,g" view.txt
has "all was run" "$(cat native.txt)" "== glob"
diff native.txt view.txt || fail "outputs differ"
echo "ok: $(wc -l <native.txt) lines are the same"
clean_fs fs.img
nothing_left
