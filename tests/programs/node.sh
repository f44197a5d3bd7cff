# SPDX-License-Identifier: GPL-2.0-or-later
# need: node
set -e
cat >a.js <<'X'
const fs = require('fs'), fsp = fs.promises, path = require('path'), cp = require('child_process'), http = require('http'), { Worker } = require('worker_threads'), m = require('./m');
(async () => {
	await Promise.all([...Array(20).keys()].map(i => fsp.writeFile('t' + i, 'x'.repeat(i * 1000))));
	fs.mkdirSync('d/e', { recursive: true }); fs.copyFileSync('t3', 'd/c'); fs.renameSync('t4', 'd/e/m'); fs.symlinkSync('c', 'd/l');
	console.log((await fsp.readdir('d')).sort(), fs.statSync('d/l').size, fs.lstatSync('d/l').isSymbolicLink(), path.basename(fs.realpathSync('d/l')));
	const f = await fsp.open('t5', 'r+'); await f.write('mid', 10); console.log((await f.read(Buffer.alloc(7), 0, 7, 8)).buffer.toString()); await f.truncate(5); await f.sync(); await f.close();
	console.log(cp.spawnSync('sh', ['-c', 'cat t5; exit 3']).stdout.toString(), cp.spawnSync('sh', ['-c', 'exit 3']).status, m.answer);
	try { fs.rmdirSync('d'); } catch (e) { console.log(e.code); } try { fs.readFileSync('nothere'); } catch (e) { console.log(e.code); }
	await new Promise(r => { const s = fs.createWriteStream('big'); for (let i = 0; i < 100; i++) s.write('y'.repeat(10000)); s.end(r); });
	let n = 0; for await (const c of fs.createReadStream('big')) n += c.length; console.log(n);
	const s = http.createServer((q, r) => fs.createReadStream('t5').pipe(r)).listen('sock'); await new Promise(r => s.on('listening', r));
	console.log(await new Promise(r => http.get({ socketPath: 'sock', path: '/', agent: false }, x => x.on('data', d => r(d.toString()))))); await new Promise(r => s.close(r));
	const w = new Worker('require("worker_threads").parentPort.postMessage(require("fs").readFileSync("m.js").length)', { eval: true }); console.log(await new Promise(r => w.on('message', r)));
	const ac = new AbortController(), seen = new Promise(async r => { for await (const e of fsp.watch('d', { signal: ac.signal })) return r(e.filename); });
	let made = 0; const again = setInterval(() => fs.writeFileSync('d/new', String(made++)), 50); console.log(await seen); clearInterval(again); ac.abort(); fs.rmSync('d', { recursive: true });
})();
X
echo 'exports.answer = 42;' >m.js; node a.js; echo 'console.log(1 + 1)' | node -; node -p 'process.cwd().length > 0'; rm big
