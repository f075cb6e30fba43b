#!/usr/bin/env python3
"""An access port: a device whose frames are in VLANs on an interface. It does what a VLAN device of the kernel's does, which not every kernel has.

    access.py INTERFACE DEVICE TAG...        TAG is ETHERTYPE:VLAN, outermost first
"""
import fcntl, select, socket, struct, sys

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000
SO_RCVBUFFORCE, SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID, PACKET_OUTGOING = 33, 263, 8, 0x10, 4


def main():
    interface, device, *tags = sys.argv[1:]
    tags = b"".join(struct.pack("!HH", int(ethertype, 16), int(vlan)) for ethertype, vlan in (tag.split(":") for tag in tags))
    tap = open("/dev/net/tun", "r+b", buffering=0)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TAP | IFF_NO_PI))
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    wire.bind((interface, 0))
    while True:
        for ready in select.select([tap, wire], [], [])[0]:
            try:
                if ready is tap:
                    frame = tap.read(70000)
                    wire.send(frame[:12] + tags + frame[12:])
                    continue
                frame, auxiliary, _, address = wire.recvmsg(70000, 64)
                # The kernel has taken the outermost tag out.
                for _, _, data in auxiliary:
                    status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", data[:20])
                    if status & TP_STATUS_VLAN_VALID:
                        frame = frame[:12] + struct.pack("!HH", tpid, tci) + frame[12:]
                if address[2] != PACKET_OUTGOING and frame[12:].startswith(tags):
                    tap.write(frame[:12] + frame[12 + len(tags):])
            except OSError:
                pass  # one of them is down


main()
