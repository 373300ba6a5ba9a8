"""An HTTPS server of Python's own modules: `https_server.py PORT FOLDER`, with cert.pem and key.pem in the folder."""

import functools
import http.server
import ssl
import sys

from_folder = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[2])
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), from_folder)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{sys.argv[2]}/cert.pem", f"{sys.argv[2]}/key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
