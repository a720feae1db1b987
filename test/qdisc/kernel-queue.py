"""Sends packets at given times through this computer's kernel and tells when they came out at the other end.

Run as root in a network namespace of its own (`unshare -n`). Standard input, JSON: "tc": lines of tc(8) for the device qs0,
without `tc`; "arrivals": [ns, bytes, port, priority] each. Standard output, JSON: "sent": the ns at which each was really
handed over; "out": [serial, ns] of each that arrived, by the kernel's own time stamps, in order; "show": `tc -s` afterwards.
"""

import json
import socket
import struct
import subprocess
import sys
import time

SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_TIMESTAMPNS = 32, 33, 35
ETH_P_IP, ETH_P_LOCAL = 0x0800, 0x88B5
SENDER, RECEIVER = bytes([2, 0, 0, 0, 0, 1]), bytes([2, 0, 0, 0, 0, 2])
BUFFER = 256 << 20
# What waits in a discipline is out after so long without a packet.
QUIET_S = 1.0


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def raw(device, protocol):
    it = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
    it.bind((device, protocol))
    return it


def frame(serial, length, port):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length - 14, serial & 0xFFFF, 0, 64, 17, 0, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
    udp = struct.pack("!HHHH", 5000, port, length - 34, 0)
    head = RECEIVER + SENDER + struct.pack("!H", ETH_P_IP) + ip + udp + struct.pack("!I", serial)
    return head + bytes(length - len(head))


def main():
    task = json.load(sys.stdin)
    run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
    run("ip", "link", "add", "qs0", "address", "02:00:00:00:00:01", "type", "veth", "peer", "name", "qs1", "address", "02:00:00:00:00:02")
    for name in ("qs0", "qs1"):
        run("ip", "link", "set", name, "arp", "off", "up")
    for line in task["tc"]:
        run("tc", *line.split())

    receiver = raw("qs1", ETH_P_IP)
    receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    senders = {}
    for _, _, _, priority in task["arrivals"]:
        if priority not in senders:
            # Protocol 0: it receives nothing.
            it = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            it.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, BUFFER)
            it.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, priority)
            it.bind(("qs0", 0))
            senders[priority] = it
    plan = [(at, frame(i, length, port), senders[priority]) for i, (at, length, port, priority) in enumerate(task["arrivals"])]

    sent = []
    zero = time.time_ns() + 50_000_000
    for at, bytes_, sender in plan:
        while True:
            left = zero + at - time.time_ns()
            if left <= 0:
                break
            if left > 300_000:
                time.sleep((left - 200_000) / 1e9)
        sent.append(time.time_ns() - zero)
        try:
            sender.send(bytes_)
        except OSError as error:
            # ENOBUFS: the discipline dropped it.
            if error.errno != 105:
                raise

    out = []
    receiver.settimeout(QUIET_S)
    while True:
        try:
            data, ancillary, _, _ = receiver.recvmsg(64, 256)
        except socket.timeout:
            break
        seconds, ns = struct.unpack("qq", ancillary[0][2])
        out.append([struct.unpack_from("!I", data, 42)[0], seconds * 10**9 + ns - zero])
    show = run("tc", "-s", "qdisc", "show", "dev", "qs0")
    json.dump({"sent": sent, "out": out, "show": show}, sys.stdout)


main()
