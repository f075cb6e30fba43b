"""A machine behind a tap device: machine.py INTERFACE. It makes the interface, brings it up, and sends frames as it is told to, a line each:

say TEXT    a frame with this text
choke       a datagram of which is said that it is to be cut into fragments (VIRTIO_NET_HDR_GSO_UDP)
"""
import fcntl, os, struct, subprocess, sys

TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x400454CA, 0x0002, 0x1000, 0x4000
ADDRESSES = bytes.fromhex("020000000009020000000008")
NOTHING_TO_DO = bytes(10)

tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", sys.argv[1].encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
subprocess.run(["ip", "link", "set", sys.argv[1], "up"], check=True)
print("up", flush=True)
for line in sys.stdin:
    order, _, text = line.strip().partition(" ")
    if order == "say":
        os.write(tap, NOTHING_TO_DO + ADDRESSES + b"\x88\xb5" + text.encode().ljust(60, b"."))
    else:
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + 4000, 1, 0, 64, 17, 0, bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2]))
        udp = struct.pack("!HHHH", 1000, 2000, 8 + 4000, 0)
        needs_checksum, udp_fragments = 1, 3
        offload = struct.pack("=BBHHHH", needs_checksum, udp_fragments, 42, 1400, 34, 6)
        os.write(tap, offload + ADDRESSES + b"\x08\x00" + ip + udp + bytes(4000))
