"""Segments move from one application to another: as one document, by API and by command."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError

from engage import exchange
from engage.models import Segment
from tests import factories
from tests.engage.api.calls import NOT_PRO, PRO, Api, assert_invalid, assert_refused


def document(*segments: object) -> dict[str, Any]:
    return {"version": 1, "segments": list(segments)}


def entry(slug: str = "pro", name: str = "Pro", rules: object = None) -> dict[str, Any]:
    return {"slug": slug, "name": name, "rules": PRO if rules is None else rules}


def stored(api: Api) -> dict[str, tuple[str, object]]:
    found = Segment.objects.filter(application=api.application, is_everyone=False)
    return {slug: (name, rules) for slug, name, rules in found.values_list("slug", "name", "rules")}


def test_what_one_application_exports_another_imports(api: Api, stranger: Api) -> None:
    api.segment("Pro users")
    api.segment("Others", [*NOT_PRO, {"trait": "a", "operator": "any_of", "value": [1, 2.5]}])
    exported = api.get("/segments/export")
    assert exported.status == 200
    assert exported.json == document(
        entry("others", "Others", [*NOT_PRO, {"trait": "a", "operator": "any_of", "value": [1, 2.5]}]),
        entry("pro-users", "Pro users"),
    )
    answer = stranger.post("/segments/import", exported.json)
    assert answer.status == 200
    assert answer.json == {"created": ["others", "pro-users"], "changed": [], "unchanged": []}
    assert stored(stranger) == stored(api)
    assert stranger.get("/segments/export").json == exported.json
    again = stranger.post("/segments/import", exported.json)
    assert again.json == {"created": [], "changed": [], "unchanged": ["others", "pro-users"]}


def test_by_slug_segments_are_created_changed_and_left_alone(api: Api) -> None:
    same, changed, other = api.segment("Same"), api.segment("Changed"), api.segment("Other")
    user = factories.teammate(api.application).user
    changed.change(name="Changed", rules=changed.parsed_rules, changed_by=user)
    sent = document(entry("new", "New"), entry("changed", "Renamed", NOT_PRO), entry("same", "Same"))
    assert api.post("/segments/import", sent).json == {
        "created": ["new"],
        "changed": ["changed"],
        "unchanged": ["same"],
    }
    assert stored(api) == {
        "new": ("New", PRO),
        "changed": ("Renamed", NOT_PRO),
        "same": ("Same", PRO),
        "other": ("Other", PRO),
    }
    for segment, is_touched in ((same, False), (changed, True), (other, False)):
        before = segment.changed_at
        segment.refresh_from_db()
        assert (segment.changed_at > before) == is_touched
        assert segment.changed_by is None


def test_true_is_not_one(api: Api) -> None:
    one, true = ([{"trait": "a", "operator": "equals", "value": value}] for value in (1, True))
    api.post("/segments/import", document(entry(rules=one)))
    assert api.post("/segments/import", document(entry(rules=true))).json["changed"] == ["pro"]
    assert api.get("/segments/pro").json["rules"][0]["value"] is True


def test_names_can_be_swapped_and_passed_on(api: Api) -> None:
    api.post("/segments/import", document(entry("a", "A"), entry("b", "B"), entry("c", "C")))
    swapped = document(entry("a", "b"), entry("b", "C"), entry("c", "a"), entry("d", "D"))
    assert api.post("/segments/import", swapped).json["changed"] == ["a", "b", "c"]
    assert {slug: name for slug, (name, _) in stored(api).items()} == {"a": "b", "b": "C", "c": "a", "d": "D"}


def test_an_empty_document_changes_nothing(api: Api) -> None:
    api.segment()
    assert api.post("/segments/import", document()).json == {"created": [], "changed": [], "unchanged": []}
    assert list(stored(api)) == ["pro-users"]


def test_all_that_is_wrong_is_named_with_its_places(api: Api) -> None:
    bad = [*PRO, {"trait": "a", "operator": "equals", "value": []}, {"trait": "", "operator": "is_set"}]
    sent = document(
        entry(),
        entry("bad", "Bad", bad),
        entry("PREVIEW", "Preview"),
        entry("preview", "Preview too"),
        entry("everyone", "All"),
        entry("no slug", " "),
        entry("a" * 61, "Long"),
        entry("pro", "Again"),
        {"slug": "x"},
        "text",
        entry("extra", "Extra") | {"is_everyone": True},
        entry("none", "None", []),
    )
    answer = api.post("/segments/import", sent)
    assert_invalid(
        answer,
        "invalid_document",
        {"segment": 1, "index": 1, "field": "value"},
        {"segment": 1, "index": 2, "field": "trait"},
        {"segment": 3, "field": "slug"},
        {"segment": 4, "field": "slug"},
        {"segment": 5, "field": "slug"},
        {"segment": 5, "field": "name"},
        {"segment": 6, "field": "slug"},
        {"segment": 7, "field": "slug"},
        {"segment": 8, "field": "name"},
        {"segment": 8, "field": "rules"},
        {"segment": 9, "field": "segment"},
        {"segment": 10, "field": "segment"},
        {"segment": 11, "field": "rules"},
    )
    assert stored(api) == {}


@pytest.mark.parametrize("name", ["Other", "OTHER", "Everyone"])
def test_a_name_taken_by_another_slug_is_an_error(api: Api, name: str) -> None:
    api.segment("Other")
    answer = api.post("/segments/import", document(entry("first", "First"), entry("pro", name)))
    assert_invalid(answer, "invalid_document", {"segment": 1, "field": "name"})
    assert list(stored(api)) == ["other"]


def test_two_segments_of_a_document_with_one_name_are_an_error(api: Api) -> None:
    answer = api.post("/segments/import", document(entry("a", "Same"), entry("b", "same")))
    assert_invalid(answer, "invalid_document", {"segment": 1, "field": "name"})
    assert stored(api) == {}


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "segments"),
        ({"version": 1}, "segments"),
        ({"version": 1, "segments": {}}, "segments"),
        ({"segments": []}, "version"),
        ({"version": 2, "segments": []}, "version"),
        ({"version": True, "segments": []}, "version"),
        ({"version": "1", "segments": []}, "version"),
        ({"version": 1, "segments": [], "more": 1}, "document"),
    ],
)
def test_what_is_no_document_is_refused(api: Api, sent: object, field: str) -> None:
    assert_invalid(api.post("/segments/import", sent), "invalid_document", {"field": field})


def test_who_takes_a_name_at_the_same_moment_is_a_conflict(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.segment("Other")
    monkeypatch.setattr(exchange, "_check_names", lambda *checked: None)  # as if it came just after
    sent = document(entry("first", "First"), entry("pro", "Other"))
    assert_refused(api.post("/segments/import", sent), 409, "conflict")
    assert list(stored(api)) == ["other"]


def test_a_document_may_be_large(api: Api) -> None:
    value = ["x" * 1_000 + str(number) for number in range(100)]
    rules = [{"trait": "a", "operator": "any_of", "value": value}]
    sent = document(*(entry(f"s{number}", f"S{number}", rules) for number in range(30)))
    assert len(json.dumps(sent)) > 3_000_000
    assert len(api.post("/segments/import", sent).json["created"]) == 30


# By command


def test_staging_moves_to_production_by_command(
    api: Api, stranger: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    api.segment("Größe", PRO)
    file = tmp_path / "segments.json"
    call_command("export_segments", str(file), application=api.application.slug)
    assert "1 segments of Acme written to" in capsys.readouterr().out
    assert "Größe" in file.read_text("utf-8")
    call_command("import_segments", str(file), application=stranger.application.slug)
    assert capsys.readouterr().out == "1 created: groe.\n0 changed.\n0 unchanged.\n"
    assert stored(stranger) == stored(api)
    call_command("export_segments", application=stranger.application.slug)
    assert json.loads(capsys.readouterr().out) == json.loads(file.read_text("utf-8"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "segments: The document has a list of segments."),
        (json.dumps(document(entry("a", "")) | {}).encode(), "segment 0, name: Give the segment a name."),
        (json.dumps(document(entry("a", "Everyone"))).encode(), "segment 0, name: Another segment has this name."),
        (json.dumps(document(entry(rules=[{}]))).encode(), "segment 0, rule 0, trait: Choose a trait."),
        (None, "No such file"),
    ],
)
def test_a_file_that_cannot_be_imported_is_told(api: Api, tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "segments.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CommandError, match=message):
        call_command("import_segments", str(file), application=api.application.slug)
    assert stored(api) == {}


def test_commands_name_what_they_cannot_use(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in ("export_segments", "import_segments"):
        with pytest.raises(CommandError, match="There is no application “nothing”"):
            call_command(command, str(tmp_path / "x"), application="nothing")
    with pytest.raises(CommandError, match="No such file"):
        call_command("export_segments", str(tmp_path / "no" / "x"), application=api.application.slug)
    file = tmp_path / "segments.json"
    file.write_text(json.dumps(document(entry())))

    def taken(*imported: object) -> None:
        raise IntegrityError

    monkeypatch.setattr(exchange, "import_segments", taken)
    with pytest.raises(CommandError, match="Try again"):
        call_command("import_segments", str(file), application=api.application.slug)


def test_all_segments_are_exported_however_many(api: Api) -> None:
    Segment.objects.bulk_create(
        Segment(application=api.application, slug=f"s{number}", name=f"S {number}", rules=PRO)
        for number in range(1_500)
    )
    document = api.get("/segments/export").json
    assert len(document["segments"]) == 1_500
    assert len(api.post("/segments/import", document).json["unchanged"]) == 1_500
