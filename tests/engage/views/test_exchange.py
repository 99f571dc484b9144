"""Segments as files: export some or all, look at what an import would do, import."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from engage.models import Segment
from engage.views import exchange as exchange_views
from tests import factories
from tests.engage.views.conftest import Fields, SignedIn, segment
from tests.engage.views.test_segments import PLAN_IS_PRO, text

FREE = {"trait": "plan", "operator": "equals", "value": "free"}


def document(**names: str) -> bytes:
    """Segments by slug, all of free users."""
    segments = [{"slug": slug, "name": name, "rules": [FREE]} for slug, name in names.items()]
    return json.dumps({"version": 1, "segments": segments}).encode()


def upload(who: SignedIn, body: bytes) -> object:
    return who.client.post(who.path("import/"), {"file": SimpleUploadedFile("segments.json", body)})


@pytest.mark.parametrize("page", ["export/", "import/"])
def test_strangers_are_kept_out(editor: SignedIn, viewer: SignedIn, page: str) -> None:
    assert Client().get(editor.path(page)).status_code == 302
    assert editor.client.get(viewer.path(page)).status_code == 404
    assert editor.client.post(viewer.path(page)).status_code == 404
    assert editor.client.put(editor.path(page)).status_code == 405


def test_viewers_export_and_do_not_import(viewer: SignedIn) -> None:
    segment(viewer.application)
    assert viewer.client.post(viewer.path("export/"), {"which": "all"}).status_code == 200
    assert viewer.client.get(viewer.path("import/")).status_code == 403
    assert upload(viewer, document(a="A")).status_code == 403  # type: ignore[attr-defined]


def test_all_or_some_are_downloaded(editor: SignedIn, viewer: SignedIn) -> None:
    for name in ("A", "B", "C"):
        segment(editor.application, name)
    segment(viewer.application, "Theirs")
    response = editor.client.post(editor.path("export/"), {"which": "all"})
    assert response["Content-Disposition"].startswith(f'attachment; filename="{editor.application.slug}-segments-')
    assert [one["slug"] for one in json.loads(response.content)["segments"]] == ["a", "b", "c"]
    chosen = {"which": "some", "segment": ["c", "a", "theirs", "everyone"]}
    some = json.loads(editor.client.post(editor.path("export/"), chosen).content)
    assert some["segments"] == [
        {"slug": "a", "name": "A", "rules": [PLAN_IS_PRO]},
        {"slug": "c", "name": "C", "rules": [PLAN_IS_PRO]},
    ]


def test_thousands_are_chosen(editor: SignedIn) -> None:
    made = segment(editor.application, "A")
    page = editor.client.get(editor.path("export/")).content.decode()
    assert 'type="checkbox"' not in page.split('value="all"')[1].split("</form>")[0]  # which needs none of them
    assert 'type="checkbox"' not in page.split('value="all"')[0]
    chosen = {"which": "some", "segment": [made.slug, *(f"segment-{number}" for number in range(5000))]}
    response = editor.client.post(editor.path("export/"), chosen)
    assert [one["slug"] for one in json.loads(response.content)["segments"]] == ["a"]


def test_nothing_chosen_is_said_so(editor: SignedIn) -> None:
    segment(editor.application, "A")
    response = editor.client.post(editor.path("export/"), {"which": "some"})
    assert response.status_code == 422
    assert "Choose at least one segment." in text(response)


def test_an_import_says_what_it_would_do_and_then_does_it(editor: SignedIn) -> None:
    changed, same = segment(editor.application, "Changed"), segment(editor.application, "Same", **FREE)
    factories.experience("Tour", changed)
    response = upload(editor, document(new="<b>New</b>", changed="Renamed", same="Same"))
    page = text(response)
    assert "Creates 1 segment" in page
    assert "&lt;b&gt;New&lt;/b&gt;" in page
    assert "Replaces 1 segment" in page
    assert "used by a live experience" in page
    assert "Renamed to “" in page
    assert '<span class="pill accent">Changed</span>' in page
    assert "Leaves 1 segment that is like this already" in page
    assert Segment.objects.filter(application=editor.application).count() == 3
    sent = Fields.of(response.content.decode())  # type: ignore[attr-defined]
    done = editor.client.post(editor.path("import/"), sent, follow=True)
    assert "Imported: 1 created, 1 replaced, 1 unchanged." in text(done)
    changed.refresh_from_db()
    assert (changed.name, changed.rules, changed.changed_by) == ("Renamed", [FREE], editor.teammate.user)
    assert (changed.version, same.version) == (2, 1)
    assert Segment.objects.get(slug="new").name == "<b>New</b>"


def test_what_one_exports_another_imports(editor: SignedIn, viewer: SignedIn) -> None:
    segment(viewer.application, "Größe 🦄", trait='"', operator="any_of", value=["a\nb", "</textarea>", '"'])
    exported = viewer.client.post(viewer.path("export/"), {"which": "all"}).content
    sent = Fields.of(upload(editor, exported).content.decode())  # type: ignore[attr-defined]
    editor.client.post(editor.path("import/"), sent)
    mine, theirs = (Segment.objects.get(application=who.application, is_everyone=False) for who in (editor, viewer))
    assert (mine.name, mine.slug, mine.rules) == (theirs.name, theirs.slug, theirs.rules)
    again = text(upload(editor, exported))
    assert "There is nothing to import: all is like this already." in again


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Choose a file."),
        (b"{", "The file is not valid JSON."),
        (b"\xff", "The file is not valid JSON."),
        (b"[]", "The document has a list of segments."),
        (document(a="A", b=""), "Segment 2: Give the segment a name."),
        (document(a="everyone"), "Segment 1: Another segment has this name."),
        (
            b'{"version": 1, "segments": [{"slug": "a", "name": "A", "rules": [{}]}]}',
            "Segment 1, rule 1: Choose a trait.",
        ),
    ],
)
def test_a_file_that_does_not_do_says_why(editor: SignedIn, body: bytes, message: str) -> None:
    response = upload(editor, body) if body else editor.client.post(editor.path("import/"))
    assert response.status_code == 422  # type: ignore[attr-defined]
    assert message in text(response)
    assert Segment.objects.filter(application=editor.application).count() == 1


def test_a_file_that_is_not_read_is_told_nothing_of_other_files(editor: SignedIn) -> None:
    response = upload(editor, b"x" * 3_000_000)
    assert response.status_code == 413  # type: ignore[attr-defined]
    assert "That is too large" in text(response)
    assert "200 MB" not in text(response)


def test_a_file_may_not_be_larger_than_can_be_confirmed(editor: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange_views, "IMPORT_BYTES", 100)
    response = upload(editor, document(a="A" * 100))
    assert "The file is larger than 2 MB." in text(response)


def test_of_many_errors_some_are_shown(editor: SignedIn) -> None:
    response = upload(editor, document(**{f"s{number}": "" for number in range(25)}))
    assert text(response).count("Give the segment a name.") == 20
    assert "and 5 more" in text(response)


def test_what_was_confirmed_is_checked_again(editor: SignedIn) -> None:
    response = editor.client.post(editor.path("import/"), {"document": document(a="Everyone").decode()})
    assert response.status_code == 422
    assert "Another segment has this name." in text(response)


def test_what_was_not_shown_is_not_imported(editor: SignedIn) -> None:
    pro = segment(editor.application, "Pro")
    sent = Fields.of(upload(editor, document(pro="Theirs", new="New")).content.decode())  # type: ignore[attr-defined]
    pro.change(name="Ours", rules=pro.parsed_rules)
    refused = editor.client.post(editor.path("import/"), sent)
    assert refused.status_code == 409
    assert "Someone changed segments after this was shown." in text(refused)
    pro.refresh_from_db()
    assert pro.name == "Ours"
    assert not Segment.objects.filter(slug="new").exists()
    editor.client.post(editor.path("import/"), Fields.of(refused.content.decode()))
    pro.refresh_from_db()
    assert pro.name == "Theirs"


def test_what_no_text_can_hold_is_no_failure(editor: SignedIn) -> None:
    segment(editor.application, "A")
    response = editor.client.post(editor.path("export/"), {"which": "some", "segment": "\0"})
    assert response.status_code == 422
    rule = b'{"trait": "a", "\\ud800": 1}'
    body = b'{"version": 1, "segments": [{"slug": "a", "name": "A", "rules": [' + rule + b"]}]}"
    assert "A rule has no field “\ufffd”." in text(upload(editor, body))
