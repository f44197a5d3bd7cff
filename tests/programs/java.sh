# SPDX-License-Identifier: GPL-2.0-or-later
# need: javac java jar
# timeout: 200
set -e
cat >A.java <<'X'
import java.io.*; import java.nio.*; import java.nio.channels.*; import java.nio.file.*; import java.util.*; import java.util.concurrent.*; import java.util.stream.*;
public class A {
    public static void main(String[] a) throws Exception {
        ExecutorService e = Executors.newFixedThreadPool(4);
        for (int i = 0; i < 8; i++) { int n = i; e.submit(() -> Files.writeString(Path.of("t" + n), "x".repeat(n * 1000))); }
        e.shutdown(); e.awaitTermination(1, TimeUnit.MINUTES);
        Files.createDirectories(Path.of("d/e")); Files.copy(Path.of("t3"), Path.of("d/c")); Files.move(Path.of("t4"), Path.of("d/e/m"), StandardCopyOption.ATOMIC_MOVE); Files.createSymbolicLink(Path.of("d/l"), Path.of("c"));
        try (Stream<Path> s = Files.walk(Path.of("d"))) { System.out.println(s.map(Path::toString).sorted().collect(Collectors.toList())); }
        System.out.println(Files.size(Path.of("d/l")) + " " + Files.isSymbolicLink(Path.of("d/l")) + " " + Files.isSameFile(Path.of("d/l"), Path.of("d/c")));
        try (RandomAccessFile f = new RandomAccessFile("t5", "rw"); FileChannel c = f.getChannel()) {
            MappedByteBuffer m = c.map(FileChannel.MapMode.READ_WRITE, 0, 100); m.put(10, (byte) 'M'); m.force();
            f.seek(8); byte[] b = new byte[5]; f.readFully(b); System.out.println(new String(b)); FileLock l = c.lock(); System.out.println(l.isValid()); f.setLength(5);
        }
        Process p = new ProcessBuilder("sh", "-c", "cat t5; exit 3").start(); System.out.println(new String(p.getInputStream().readAllBytes()) + " " + p.waitFor());
        try { Files.delete(Path.of("d")); } catch (DirectoryNotEmptyException x) { System.out.println("not empty"); }
        try { Files.readString(Path.of("nothere")); } catch (NoSuchFileException x) { System.out.println("none"); }
        try (WatchService w = FileSystems.getDefault().newWatchService()) { Path.of("d").register(w, StandardWatchEventKinds.ENTRY_CREATE); Files.writeString(Path.of("d/new"), "x"); WatchKey k = w.poll(60, TimeUnit.SECONDS); System.out.println(k.pollEvents().get(0).context()); }
        System.out.println(A.class.getResource("A.class").getProtocol());
    }
}
X
javac A.java; java -Xshare:auto -XX:+UseSerialGC A; rm -rf d t?; jar cfe scratch.jar A A.class; java -XX:+UseG1GC -jar scratch.jar | tail -3; rm -rf d t?; java A.java 2>&1 | head -1; rm -f *.class
