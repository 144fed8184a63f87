"""Asks an HTTPS server of its own through a proxy: tunnel.py PROXY CERTIFICATE KEY"""

import http.server
import ssl
import sys
import threading

import requests

proxy, certificate, key = sys.argv[1:4]


class Bank(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("via " + str(self.headers.get("via"))).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[4])), Bank)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()

session = requests.Session()
session.trust_env = False
url = "https://localhost:%s/balance" % sys.argv[4]
answer = session.get(url, proxies={"https": proxy}, verify=certificate, timeout=20)
print(answer.status_code, answer.text)
session.close()
