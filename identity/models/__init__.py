"""Everything that is stored of who people are."""

from identity.models.application import Application, IdentitySecret, Key, Verification
from identity.models.erasure import Erasure
from identity.models.person import Person
from identity.models.teammate import Role, Teammate, User
from identity.models.trait import Trait, TraitState
from identity.models.trait_event import TraitEvent
from identity.models.trait_rewrite import TraitRewrite
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
    "TraitEvent",
    "TraitRewrite",
    "TraitState",
    "User",
    "UserImport",
    "Verification",
]
