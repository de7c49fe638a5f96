"""Connections that ask nothing: each has little time for its first request, and a peer can hold only a few of them.

gRPC itself neither counts connections by peer nor ends one that has never asked, so this looks at the process's own
sockets once a second. Calls that were let in are reported to `admit`; their connections are left alone.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import re
import resource
import socket
import time
from collections import defaultdict
from urllib.parse import unquote

import psutil

FIRST_REQUEST_S = 20.0
SILENT_PER_PEER = 64
EVERY_S = 1.0
OPEN_FILES = 65536
FILES_OF_OUR_OWN = 256

Peer = tuple[str, int]
log = logging.getLogger("mrpo")


def room_for_connections() -> int:
    """Raises this process's limit of open files as far as it may, and says how many of them connections can have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(wanted - FILES_OF_OUR_OWN, wanted // 2)


class Doorkeeper:
    """For the connections that were accepted at one port."""

    def __init__(self) -> None:
        self._admitted: dict[Peer, float] = {}  # and when
        self._since: dict[Peer, float] = {}

    def admit(self, peer: str) -> None:
        """Notes that a connection has asked something. `peer` is gRPC's text: "ipv4:127.0.0.1:40000"."""
        found = peer_of(peer)
        if found is not None:
            self._admitted[found] = time.monotonic()

    async def watch(self, port: int) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await asyncio.to_thread(self.look, port)
            except (OSError, psutil.Error) as error:
                log.warning("connections cannot be counted: %s", error)

    def look(self, port: int) -> None:
        """One look at the sockets of `port`: ends connections that are silent for too long or too many."""
        now = time.monotonic()
        here = connections_at(port)
        for peer, admitted in list(self._admitted.items()):
            if peer not in here and now - admitted > 2 * EVERY_S:
                del self._admitted[peer]
        self._since = {peer: self._since.get(peer, now) for peer in here}
        silent: defaultdict[str, list[Peer]] = defaultdict(list)
        for peer in sorted(here.keys() - self._admitted.keys(), key=self._since.__getitem__):
            silent[peer[0]].append(peer)
        for host, peers in silent.items():
            late = [peer for peer in peers if now - self._since[peer] > FIRST_REQUEST_S]
            ended = late + peers[len(late) : len(peers) - SILENT_PER_PEER]  # the oldest go first
            for peer in ended:
                end_connection(here[peer], peer)
            if ended:
                log.info("ended %d connections from %s without a request", len(ended), host)


def connections_at(port: int) -> dict[Peer, int]:
    """File descriptors of the accepted connections, by peer."""
    found = {}
    for connection in psutil.Process().net_connections("tcp"):
        at_port = connection.laddr and connection.laddr.port == port
        if at_port and connection.raddr and connection.fd >= 0 and connection.status != psutil.CONN_LISTEN:
            found[(plain_host(connection.raddr.ip), connection.raddr.port)] = connection.fd
    return found


def end_connection(descriptor: int, peer: Peer) -> None:
    """gRPC reads the end of its input and closes. The descriptor may be another connection's by now: then nothing."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            host, port = connection.getpeername()[:2]
            if (plain_host(host), port) == peer:
                connection.shutdown(socket.SHUT_RDWR)
    except (OSError, ValueError):
        pass


def peer_of(text: str) -> Peer | None:
    """gRPC's "ipv4:1.2.3.4:567" or "ipv6:%5B::1%5D:567"; None for a Unix socket."""
    match = re.fullmatch(r"ipv[46]:\[?(.+?)\]?:(\d+)", unquote(text))
    return None if match is None else (plain_host(match[1]), int(match[2]))


def plain_host(host: str) -> str:
    """One spelling for each: an IPv4 address that came over an IPv6 socket is an IPv4 address."""
    address = ipaddress.ip_address(host.partition("%")[0])
    return str(getattr(address, "ipv4_mapped", None) or address)
