# SPDX-License-Identifier: GPL-2.0-or-later
# need: node npm
# ways: idle elsewhere served
# timeout: 200
# A project whose dependencies are packages of its own folder: packed, installed, installed as the lock file says, run.
set -e
export HOME=$PWD/scratch-home npm_config_cache=$PWD/scratch-cache npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false NO_COLOR=1
mkdir -p scratch-home lib/src app
printf '{"name": "lib", "version": "1.2.3", "main": "src/index.js", "bin": {"say": "src/say.js"}}\n' >lib/package.json
echo 'module.exports = (x) => x.split("").reverse().join("");' >lib/src/index.js
printf '#!/usr/bin/env node\nconsole.log(require("./index.js")(process.argv[2] || ""));\n' >lib/src/say.js
(cd lib && npm pack --silent && tar tf lib-1.2.3.tgz | sort)
printf '{"name": "app", "version": "1.0.0", "private": true, "scripts": {"start": "node main.js", "shout": "say dlrow"}, "dependencies": {"lib": "file:../lib/lib-1.2.3.tgz"}}\n' >app/package.json
echo 'console.log(require("lib")("olleh"), require("lib/package.json").version);' >app/main.js
cd app
npm install --offline --silent 2>&1
grep -c integrity package-lock.json
rm -rf node_modules; npm ci --offline --silent 2>&1
ls node_modules node_modules/.bin; readlink node_modules/.bin/say
npm run --silent start; npm run --silent shout; npx --no-install say abc
echo 'throw 1' >bad.js; npm exec --offline -c 'node bad.js' >/dev/null 2>&1 || echo "status $?"
npm ls --depth=0 | sed "s,$PWD,.,"; npm prune --offline --silent 2>&1; npm uninstall --offline --silent lib 2>&1; ls -A node_modules | grep -v '^\.package-lock' || echo none
cd ..; mv app/node_modules scratch-modules
