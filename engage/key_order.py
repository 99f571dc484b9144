"""The first people by key who match a condition, whether many do or next to nobody. Keys are hashes, so whoever matches
lies spread evenly among all others; but how many they are PostgreSQL can't know beforehand. Left to itself it walks
along the index until it has enough of them, which for three users in a million is each of them, page by page."""

from django.db.models import F, Func, Q, QuerySet, TextField
from django.db.models.expressions import Expression

from identity.models import Person

# To look at so many along the index takes some milliseconds.
LOOKED_AT = 1_000
# And to look at so many, as long as a pass over a million in the order in which they lie on the disk.
MOST_LOOKED_AT = 20_000


class TextOfKey(Func):
    """Sorts as the key does; but no index has it, so that there is nothing to walk along."""

    output_field = TextField()
    template = '((%(expressions)s)::text COLLATE "C")'


def first_by_key(people: QuerySet[Person], matching: Expression | Q, limit: int, *, share: float) -> list[Person]:
    """Those of the people who match, in the order of their keys, up to a limit, when so large a share of them does."""
    is_near = limit <= share * MOST_LOOKED_AT
    return list(people.filter(matching).order_by("id" if is_near else TextOfKey(F("id")))[:limit])


def find_first_by_key(people: QuerySet[Person], matching: Expression | Q, limit: int) -> list[Person]:
    """The same when nobody knows how many do. Two queries where it is many, else three."""
    by_key = people.order_by("id")
    # The key itself, not a subquery that finds it, so that PostgreSQL sees how few people there are before it.
    end = by_key.values_list("id", flat=True)[LOOKED_AT : LOOKED_AT + 1].first()
    if end is None:
        return list(by_key.filter(matching)[:limit])
    found = list(by_key.filter(matching, id__lt=end)[:limit])
    if len(found) == limit:
        return found
    return first_by_key(people, matching, limit, share=len(found) / LOOKED_AT)
