"""Secrets that must be shown again, encrypted before they are stored: a copy of the database alone gives none away."""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class Undecryptable(Exception):
    """Raised for what was encrypted under another SECRET_KEY."""


def encrypt(text: str) -> str:
    """`text` as a Fernet token under SECRET_KEY. Raises ImproperlyConfigured for a key that ends with this process:
    nobody could ever decrypt it."""
    if not settings.SECRET_KEY_IS_KEPT:
        raise ImproperlyConfigured("Set SECRET_KEY in the environment, the same that the server has.")
    return _fernet().encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """The text of a token of `encrypt`. Raises Undecryptable."""
    try:
        return _fernet().decrypt(token).decode()
    except InvalidToken as error:
        raise Undecryptable from error


def _fernet() -> MultiFernet:
    return MultiFernet([_key(secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(secret: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"callout.identity.encryption").derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
