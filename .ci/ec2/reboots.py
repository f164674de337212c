#!/usr/bin/python3
"""In front of the endpoint: passes every call on as it is, and reboots the node that a granted RebootInstances names.

The endpoint only says yes to such a call, and the keeper of its nodes does not hear of it. A reboot here ends every process of the node
and starts what the keeper started; its files, addresses and host keys stay, its boot id does not.

usage: reboots.py PORT ENDPOINT"""
import http.client, http.server, os, subprocess, sys, threading, urllib.parse

port, endpoint = int(sys.argv[1]), urllib.parse.urlsplit(sys.argv[2])


def first_process(instance):
    """The first process of a node's own process namespace, by the network namespace that the keeper made for it."""
    namespace = os.stat(f"/run/netns/ec2-{instance[2:]}")
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            at = os.stat(f"/proc/{process}/ns/net")
            with open(f"/proc/{process}/status") as status:
                own = next(line.split() for line in status if line.startswith("NSpid:"))
        except OSError:
            continue
        if (at.st_dev, at.st_ino) == (namespace.st_dev, namespace.st_ino) and len(own) > 2 and own[-1] == "1":
            return process
    raise LookupError(f"{instance} has no first process")


def reboot(instance):
    inside = ["nsenter", "--target", first_process(instance), "--all", "--root", "--wd=/"]
    # All but the first process, which the kernel spares, and whoever asks for it.
    subprocess.run([*inside, "/bin/kill", "-KILL", "-1"], check=False)
    subprocess.run([*inside, "/usr/sbin/dropbear"], check=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"},
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Relay(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def address_string(self):
        return self.client_address[0]

    def relay(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        beyond = http.client.HTTPConnection(endpoint.hostname, endpoint.port)
        beyond.request(self.command, self.path, body, dict(self.headers))
        answer = beyond.getresponse()
        content = answer.read()
        asked = urllib.parse.parse_qs(body.decode(errors="replace"))
        if answer.status == 200 and asked.get("Action") == ["RebootInstances"]:
            for name, values in asked.items():
                if name.startswith("InstanceId."):
                    threading.Thread(target=reboot, args=(values[0],)).start()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "content-length", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = relay


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256

    def handle_error(self, *_):
        pass  # A client that was killed in the middle of a call is part of the tests.

    def server_bind(self):
        # Without the look for a name that the usual one takes.
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()


Server(("127.0.0.1", port), Relay).serve_forever()
