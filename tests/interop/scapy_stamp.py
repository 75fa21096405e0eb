"""STAMP (RFC 8762, RFC 8972) by scapy's layer, which is none of Fathom's making.

    scapy_stamp.py sender ADDRESS PORT      sends test packets to a reflector and checks its replies
    scapy_stamp.py reflector ADDRESS COUNT  answers so many test packets, after a line with its port

Ends with 0 if all was as the RFCs say; else with what was not.
"""

import socket
import sys
import time

from scapy.contrib.stamp import (
    ErrorEstimate,
    STAMPSessionReflectorTestUnauthenticated as Reflected,
    STAMPSessionSenderTestUnauthenticated as Sent,
    STAMPTestTLV,
)
from scapy.layers.inet import UDP

PATIENCE_S = 20

# The flag U of a TLV (RFC 8972 section 4). By names scapy numbers the bits from the other end.
U = 0x80


def dissect(layer, datagram):
    """Has scapy take apart a datagram. The layer asks for the length that UDP's header has."""
    header = UDP(len=8 + len(datagram))
    return layer(datagram, _underlayer=header, _parent=header)


def sender(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    client = socket.socket(family, socket.SOCK_DGRAM)
    client.settimeout(PATIENCE_S)
    client.connect((address, port))
    tlvs = [
        [],
        [STAMPTestTLV(flags=U, type=1, len=8, value=b"\1\2\3\4\5\6\7\x08")],
        [
            STAMPTestTLV(flags=U, type=240, len=3, value=b"abc"),
            STAMPTestTLV(flags=U, type=1, len=0, value=b""),
        ],
    ]
    for number, (z, extensions) in enumerate((z, e) for z in (0, 1) for e in tlvs):
        seconds = time.time()
        # PTP's seconds are in the upper half.
        stamp = int(seconds) << 32 | 5 if z else seconds
        request = Sent(
            seq=number,
            err_estimate=ErrorEstimate(S=1, Z=z, scale=3, multiplier=7),
            ssid=0xABCD,
            tlv_objects=extensions,
        )
        # The format has to be known before the time.
        request.ts = stamp
        sent = bytes(request)
        client.send(sent)
        received = client.recv(2048)
        assert len(received) == len(sent), (len(received), len(sent))
        reply = dissect(Reflected, received)
        assert reply.seq == number and reply.seq_sender == number, reply.show2(dump=True)
        assert reply.ssid == 0xABCD, reply.show2(dump=True)
        # What was sent, octet for octet.
        assert received[24:28] == sent[0:4] and received[28:38] == sent[4:14]
        assert reply.err_estimate_sender.Z == z and reply.err_estimate_sender.multiplier == 7
        assert reply.err_estimate.Z == z, "the reply's format is the sender's"
        assert reply.err_estimate.multiplier != 0
        assert reply.mbz1 == 0 and reply.mbz2 == 0 and reply.ttl_sender > 0
        received_at, sent_at = received[16:24], received[4:12]
        assert bytes(8) < received_at <= sent_at, "received before it was sent"
        assert len(reply.tlv_objects) == len(extensions)
        for tlv, was in zip(reply.tlv_objects, extensions):
            assert (tlv.type, tlv.len, tlv.value) == (was.type, was.len, was.value)
            unknown = was.type != 1
            assert int(tlv.flags) == (U if unknown else 0), reply.show2(dump=True)
    print("scapy: 6 packets answered")


def reflector(address, count):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.settimeout(PATIENCE_S)
    server.bind((address, 0))
    print(server.getsockname()[1], flush=True)
    for _ in range(count):
        datagram, client = server.recvfrom(2048)
        received = time.time()
        request = dissect(Sent, datagram)
        assert request.err_estimate.multiplier != 0 and request.mbz == 0
        reply = Reflected(
            seq=request.seq,
            err_estimate=ErrorEstimate(S=0, Z=0, scale=10, multiplier=1),
            ssid=request.ssid,
            ts_rx=received,
            seq_sender=request.seq,
            err_estimate_sender=request.err_estimate,
            ttl_sender=64,
            ts=time.time(),
        )
        base = bytearray(bytes(reply)[:44])
        # Octet for octet: scapy's timestamps are floating-point numbers.
        base[28:36] = datagram[4:12]
        for tlv in request.tlv_objects:
            assert tlv.type == 1 and int(tlv.flags) == U, "Extra Padding, with U as senders set it"
        server.sendto(bytes(base) + datagram[44:], client)
    print("scapy: answered", count, flush=True)


if __name__ == "__main__":
    role, address, number = sys.argv[1:]
    {"sender": sender, "reflector": reflector}[role](address, int(number))
