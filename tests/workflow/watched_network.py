"""Run a command in a network of its own, and print which other hosts it tried to reach.

`test_network` runs it by unshare, with a user, a network and mounts of its own.
Every address is a local one in that network, so that packets go nowhere and are seen. The name
server, too: what asks for a name sends it a packet.
"""

import ipaddress
import json
import socket
import subprocess
import sys
import tempfile
import threading

NAME_SERVER = "192.0.2.1"  # for documentation, RFC 5737
SET_UP = f"""
set -e
ip link set lo up
ip route add local 0.0.0.0/0 dev lo
ip -6 route add local ::/0 dev lo || true
echo nameserver {NAME_SERVER} > "$1"
mount --bind "$1" /etc/resolv.conf
"""


LAST = b"the last packet"


def watch(packets: socket.socket, others: dict[str, str]) -> None:
    data = b""
    while not data.endswith(LAST):
        data, _ = packets.recvfrom(65535)
        first, last = (16, 20) if data[0] >> 4 == 4 else (24, 40)
        address = ipaddress.ip_address(data[first:last])
        if not (address.is_loopback or address.is_multicast):
            others.setdefault(str(address), repr(data[last:]))


def main() -> int:
    with tempfile.NamedTemporaryFile() as resolver:
        subprocess.run(["sh", "-c", SET_UP, "sh", resolver.name], check=True)
    every_protocol = 3
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(every_protocol))
    packets.bind(("lo", 0))
    others: dict[str, str] = {}
    watching = threading.Thread(target=watch, args=(packets, others))
    watching.start()
    status = subprocess.run(sys.argv[1:], stdout=sys.stderr, check=False).returncode
    while watching.is_alive():  # until it has read all that came before
        socket.socket(type=socket.SOCK_DGRAM).sendto(LAST, ("127.0.0.1", 9))
        watching.join(0.1)
    sys.stdout.write(json.dumps(others))
    return status


if __name__ == "__main__":
    sys.exit(main())
