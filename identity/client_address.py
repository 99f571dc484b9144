"""Whose address a call came from, when a proxy stands in front."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# A home or an office has a network of this size, and may call from any address in it.
_IPV6_HOUSEHOLD = 64


def client_address(request: HttpRequest) -> str:
    """The address of the client, of IPv6 its /64 network; empty when there is none. X-Forwarded-For counts only as far
    as each address that added to it is in TRUSTED_PROXIES: whatever stands before that, anyone may have written."""
    hops = [request.META.get("REMOTE_ADDR", ""), *reversed(request.headers.get("X-Forwarded-For", "").split(","))]
    client: Address | None = None
    for hop in hops:
        address = _parse(hop)
        # A server behind a Unix socket sees no address of its peer, which can only be the operator's own proxy.
        if address is None and client is not None:
            break
        client = address or client
        if not _is_trusted(address):
            break
    if client is None:
        return ""
    if isinstance(client, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((client, _IPV6_HOUSEHOLD), strict=False))
    return str(client)


def _parse(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_trusted(address: Address | None) -> bool:
    if address is None:
        return bool(settings.TRUSTED_PROXIES)
    return any(address in network for network in settings.TRUSTED_PROXIES)
