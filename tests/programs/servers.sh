# SPDX-License-Identifier: GPL-2.0-or-later
# need: python3
set -e
echo page >index.html
python3 - <<'P'
import http.server, threading, urllib.request, socketserver
class H(http.server.SimpleHTTPRequestHandler):
    def log_message(self,*a): pass
s=socketserver.ThreadingTCPServer(('127.0.0.1',0),H); threading.Thread(target=s.serve_forever,daemon=True).start()
for i in range(20): r=urllib.request.urlopen('http://127.0.0.1:%d/index.html'%s.server_address[1]).read()
print(r); s.shutdown()
P
