"""Origins: from which sites browsers may call. Pure."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

# No name in the DNS is longer.
HOST_LENGTH = 253
_USUAL_PORTS = {"http": 80, "https": 443}
_HOST = re.compile("[a-z0-9._-]+|[0-9a-f:.]+")  # a name, or an IPv6 address


def canonical_origin(text: str) -> str:
    """The origin that `text` names, as browsers send it: https://app.example.com, with a port where it is not the usual
    one. Raises ValidationError."""
    problem = ValidationError(
        f"“{text}” is not an origin. Use a scheme and a host alone, like https://app.example.com."
    )
    try:
        parts = urlsplit(text.strip())
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError as error:  # also UnicodeError: a host that has no name in the DNS
        raise problem from error
    extra = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in _USUAL_PORTS or not _HOST.fullmatch(host) or len(host) > HOST_LENGTH or extra:
        raise problem
    if ":" in host:
        host = f"[{host}]"
    return f"{parts.scheme}://{host}" + ("" if port in (None, _USUAL_PORTS[parts.scheme]) else f":{port}")


def canonical_origins(texts: Iterable[str]) -> list[str]:
    """Each of the origins once, in the order given. Raises ValidationError with all that are none."""
    problems: list[ValidationError] = []
    origins: dict[str, None] = {}
    for text in texts:
        try:
            origins[canonical_origin(text)] = None
        except ValidationError as error:
            problems.append(error)
    if problems:
        raise ValidationError(problems)
    return list(origins)
