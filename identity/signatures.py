"""Identity verification: a signature proves that the customer's server, and not whoever sits at the browser, says who
the user is. Pure."""

import hashlib
import hmac
from collections.abc import Iterable


def sign(secret: str, external_id: str) -> str:
    """The signature of a user: hex(HMAC-SHA256(identity secret, id)), 64 lower-case digits."""
    return hmac.new(secret.encode(), external_id.encode(), hashlib.sha256).hexdigest()


def is_signed(external_id: str, signature: object, secrets: Iterable[str]) -> bool:
    """Whether `signature`, as it came in a call, is that of this user by any of the secrets. Compared in
    constant time."""
    if not isinstance(signature, str):
        return False
    sent = signature.lower().encode(errors="replace")
    return any(hmac.compare_digest(sign(secret, external_id).encode(), sent) for secret in secrets)
