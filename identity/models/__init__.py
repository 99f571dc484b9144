"""Everything that is stored of who people are."""

from identity.models.application import Application, IdentitySecret, Key, Verification
from identity.models.erasure import Erasure
from identity.models.person import Person
from identity.models.teammate import Role, Teammate, User
from identity.models.trait import Trait
from identity.models.user_import import ImportPart, UserImport

__all__ = [
    "Application",
    "Erasure",
    "IdentitySecret",
    "ImportPart",
    "Key",
    "Person",
    "Role",
    "Teammate",
    "Trait",
    "User",
    "UserImport",
    "Verification",
]
