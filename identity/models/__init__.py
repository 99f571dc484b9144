"""Everything that is stored of who people are."""

from identity.models.application import Application, Key
from identity.models.person import Person
from identity.models.teammate import Role, Teammate, User
from identity.models.trait import Trait

__all__ = ["Application", "Key", "Person", "Role", "Teammate", "Trait", "User"]
