# SPDX-License-Identifier: GPL-2.0-or-later
"""An S3 server: OpenStack Swift's, with its middleware s3api, all four of its servers in this process.

    s3.py FOLDER    keeps what it serves in that folder, and prints its port once it does

The access key is "test:tester", its secret "testing"."""
import os
import sys

import eventlet

eventlet.monkey_patch()

# what these import is to be patched by then
from eventlet import wsgi  # noqa: E402
from paste.deploy import loadapp  # noqa: E402
from swift.common import utils  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.storage_policy import reload_storage_policies  # noqa: E402

CONF = """[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
bind_ip = 127.0.0.1
bind_port = {port}
[pipeline:main]
pipeline = {pipeline}
[app:{name}-server]
use = egg:swift#{name}
"""
PROXY = """allow_account_management = true
account_autocreate = true
[filter:s3api]
use = egg:swift#s3api
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:slo]
use = egg:swift#slo
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:copy]
use = egg:swift#copy
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
"""


class Cache:
    """In place of memcached: without it each request asks for account and bucket anew."""
    def __init__(self):
        self.kept = {}

    def set(self, key, value, **_):
        if not isinstance(value, dict) or value.get("status") == 200:
            self.kept[key] = value  # what is not there may come to be

    def get(self, key, **_):
        return self.kept.get(key)

    def delete(self, key, **_):
        self.kept.pop(key, None)


def cached(app):
    cache = Cache()

    def call(env, start_response):
        env["swift.cache"] = cache
        return app(env, start_response)
    return call


def ring(folder, name, port):
    builder = RingBuilder(1, 1, 0)
    builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "d",
                     "weight": 1})
    builder.rebalance()
    builder.get_ring().save(f"{folder}/{name}.ring.gz")


def server(folder, name, sock, more="", before=()):
    conf = f"{folder}/{name}.conf"
    with open(conf, "w", encoding="utf-8") as f:
        f.write(CONF.format(folder=folder, name=name, port=sock.getsockname()[1],
                            pipeline=" ".join([*before, f"{name}-server"])) + more)
    app = cached(loadapp(f"config:{conf}"))
    eventlet.spawn(wsgi.server, sock, app, utils.get_logger({}, name), log_output=False)


def main():
    folder = os.path.abspath(sys.argv[1])
    os.makedirs(f"{folder}/devices/d", exist_ok=True)
    with open(f"{folder}/swift.conf", "w", encoding="utf-8") as f:
        f.write("[swift-hash]\nswift_hash_path_suffix = test\n"
                "[storage-policy:0]\nname = one\ndefault = yes\n")
    utils.SWIFT_CONF_FILE = f"{folder}/swift.conf"
    utils.HASH_PATH_SUFFIX = b"test"
    reload_storage_policies()
    for name in ("account", "container", "object"):
        sock = eventlet.listen(("127.0.0.1", 0))
        ring(folder, name, sock.getsockname()[1])
        server(folder, name, sock)
    sock = eventlet.listen(("127.0.0.1", 0))
    server(folder, "proxy", sock, PROXY,
           ("catch_errors", "listing_formats", "bulk", "s3api", "tempauth", "copy", "slo"))
    print(sock.getsockname()[1], flush=True)
    while True:
        eventlet.sleep(3600)


main()
