"""Segments as one JSON document, with which those of one application move to another: from staging to production."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.functions import RandomUUID
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import connection, transaction
from django.db.models import CharField
from django.db.models.functions import Cast, Lower
from django.utils import timezone

from engage import compiled, rules
from engage.models import ChangedMeanwhile, Segment, SegmentVersion
from engage.models.segment import RESERVED_SLUGS, SLUG_LENGTH, checked_name
from engage.rules import InvalidRules, Rules
from identity.models import Application, User

VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One segment of a document."""

    slug: str
    name: str
    rules: Rules


@dataclass(frozen=True, slots=True)
class DocumentError:
    """What is wrong with a document: where (`segment` and `index` are the places of segment and rule, or None) and
    why."""

    segment: int | None
    index: int | None
    field: str
    message: str

    def __str__(self) -> str:
        places = [
            *([] if self.segment is None else [f"segment {self.segment}"]),
            *([] if self.index is None else [f"rule {self.index}"]),
            self.field,
        ]
        return f"{', '.join(places)}: {self.message}"


class InvalidDocument(ValueError):
    """Raised for a document that can't be imported; `errors` names all that is wrong."""

    def __init__(self, errors: Sequence[DocumentError]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class Imported:
    """The slugs of what an import created, changed and found as it was, in the order of the document."""

    created: list[str]
    changed: list[str]
    unchanged: list[str]


def dump(segments: Iterable[Segment]) -> dict[str, Any]:
    """The document of segments: `{"version": 1, "segments": [{"slug", "name", "rules"}]}`. Everyone is in every
    application already, and in no document."""
    return {
        "version": VERSION,
        "segments": [
            {"slug": segment.slug, "name": segment.name, "rules": rules.dump(segment.parsed_rules)}
            for segment in segments
            if not segment.is_everyone
        ],
    }


def export(application: Application) -> dict[str, Any]:
    """The document of all segments of an application, by slug."""
    return dump(Segment.objects.filter(application=application).order_by("slug"))


def parse(document: object) -> list[Entry]:
    """The segments in a document as JSON gives it. Raises InvalidDocument."""
    if not isinstance(document, dict) or not isinstance(document.get("segments"), list):
        raise InvalidDocument([DocumentError(None, None, "segments", "The document has a list of segments.")])
    version, found = document.get("version"), document["segments"]
    if document.keys() - {"version", "segments"}:
        message = "The document has version and segments, and no other field."
        raise InvalidDocument([DocumentError(None, None, "document", message)])
    if type(version) is not int or version != VERSION:
        raise InvalidDocument([DocumentError(None, None, "version", f"Only version {VERSION} can be read.")])
    errors: list[DocumentError] = []
    entries = [_entry(raw, place, errors) for place, raw in enumerate(found)]
    seen: set[str] = set()
    for place, entry in enumerate(entries):
        if entry and entry.slug in seen:
            errors.append(DocumentError(place, None, "slug", "A segment with this slug stands before this one."))
        if entry:
            seen.add(entry.slug)
    if errors:
        raise InvalidDocument(sorted(errors, key=lambda error: error.segment or 0))
    return [entry for entry in entries if entry]


def _entry(raw: object, place: int, errors: list[DocumentError]) -> Entry | None:
    """One segment, or None with its errors added."""
    if not isinstance(raw, dict):
        errors.append(DocumentError(place, None, "segment", "A segment is an object."))
        return None
    found = [DocumentError(place, None, "segment", "A segment has slug, name and rules, and no other field.")]
    found = found if raw.keys() - {"slug", "name", "rules"} else []
    slug, name, parsed = raw.get("slug"), raw.get("name"), Rules()
    if not isinstance(slug, str) or len(slug) > SLUG_LENGTH or not _is_slug(slug):
        message = f"A slug has 1 to {SLUG_LENGTH} letters of A–Z, digits, - and _."
        found.append(DocumentError(place, None, "slug", message))
    elif slug in RESERVED_SLUGS or slug == "everyone":
        found.append(DocumentError(place, None, "slug", "This slug is used by Callout itself."))
    try:
        name = checked_name(name if isinstance(name, str) else "")
    except ValidationError as error:
        found.append(DocumentError(place, None, "name", " ".join(error.messages)))
    try:
        parsed = rules.parse(raw.get("rules"))
    except InvalidRules as invalid:
        found += [DocumentError(place, error.index, error.field, error.message) for error in invalid.errors]
    errors += found
    return None if found else Entry(str(slug), str(name), parsed)


def _is_slug(text: str) -> bool:
    try:
        validate_slug(text)
    except ValidationError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do: the segments as they are, those that it would make not saved yet, each with its entry of
    the document and in its order."""

    created: list[tuple[Segment, Entry]]
    changed: list[tuple[Segment, Entry]]
    unchanged: list[tuple[Segment, Entry]]

    @property
    def seen(self) -> dict[str, int]:
        """The versions that it was made of, by slug."""
        parts = (*self.created, *self.changed, *self.unchanged)
        return {segment.slug: segment.latest_number for segment, _ in parts}


def plan_import(application: Application, entries: Sequence[Entry]) -> Plan:
    """What importing these entries would do now. Raises InvalidDocument when names collide."""
    return _plan(application, entries, Segment.objects.filter(application=application).with_latest_number())


def _plan(application: Application, entries: Sequence[Entry], stored: Iterable[Segment]) -> Plan:
    known = {segment.slug: segment for segment in stored}
    _check_names(application, entries)
    plan = Plan([], [], [])
    for entry in entries:
        segment = known.get(entry.slug)
        if segment is None:
            plan.created.append((Segment(application=application, slug=entry.slug), entry))
        elif segment.name == entry.name and rules.is_same(segment.rules, rules.dump(entry.rules)):
            plan.unchanged.append((segment, entry))
        else:
            plan.changed.append((segment, entry))
    return plan


@transaction.atomic
def import_segments(
    application: Application,
    entries: Sequence[Entry],
    *,
    imported_by: User | None = None,
    seen: Mapping[str, int] | None = None,
) -> Imported:
    """Create or replace segments by their slugs; those that a document leaves out stay. All or nothing: raises
    InvalidDocument when names collide, IntegrityError when someone takes one at the same moment, and ChangedMeanwhile
    when the plan is another one than was `seen`, if that is given."""
    Application.objects.select_for_update(no_key=True).get(pk=application.pk)  # two imports wait for each other
    # Nobody changes or deletes one of them meanwhile.
    stored = Segment.objects.filter(application=application).with_latest_number().select_for_update()
    plan = _plan(application, entries, stored)
    if seen is not None and plan.seen != seen:
        raise ChangedMeanwhile
    now = timezone.now()
    for segment, entry in (*plan.created, *plan.changed):
        segment.name, segment.rules = entry.name, rules.dump(entry.rules)
        segment.changed_at, segment.changed_by = now, imported_by
    created, changed, unchanged = (
        [segment for segment, _ in part] for part in (plan.created, plan.changed, plan.unchanged)
    )
    # Out of the way, since segments may swap their names.
    Segment.objects.filter(pk__in=[segment.pk for segment in changed]).update(name=Cast(RandomUUID(), CharField()))
    Segment.objects.bulk_update(changed, ["name", "rules", "changed_at", "changed_by"])
    Segment.objects.bulk_create(created)
    SegmentVersion.objects.record([*created, *changed])
    transaction.on_commit(compiled.forget)
    return Imported(*([segment.slug for segment in part] for part in (created, changed, unchanged)))


def _check_names(application: Application, entries: Sequence[Entry]) -> None:
    """Raise InvalidDocument where two segments would have one name. Case does not count, as PostgreSQL sees it."""
    slugs = {entry.slug for entry in entries}
    stored = Segment.objects.filter(application=application).exclude(slug__in=slugs)
    taken = set(stored.values_list(Lower("name"), flat=True))
    with connection.cursor() as cursor:
        names = [entry.name for entry in entries]
        cursor.execute(
            "SELECT lower(name) FROM unnest(%s::text[]) WITH ORDINALITY AS n (name, place) ORDER BY place", [names]
        )
        lowered = [row[0] for row in cursor.fetchall()]
    errors = []
    for place, name in enumerate(lowered):
        if name in taken:
            errors.append(DocumentError(place, None, "name", "Another segment has this name."))
        taken.add(name)
    if errors:
        raise InvalidDocument(errors)
