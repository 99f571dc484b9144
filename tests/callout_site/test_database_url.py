import pytest

from callout_site import database_url


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://user:password@localhost:5432/callout",
        "postgres://localhost/callout?sslmode=require",
        "postgresql://postgres@%2Frun%2Fa%20socket/callout",
    ],
)
def test_accepts_what_leads_to_a_database(address: str) -> None:
    database_url.check(address)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("nonsense", "does not begin with postgresql://"),
        ("http://user:s3cret@host/callout", "does not begin with postgresql://"),
        ("sqlite:///db.sqlite3", "another kind of database"),
        ("mysql://user:s3cret@host/callout", "another kind of database"),
        ("postgresql://user:s3cret@host", "names no database"),
        ("postgresql://user:s3cret@host/", "names no database"),
        ("postgresql://user:s3cret@[host/callout", "cannot be read"),
        ("postgresql://user:s3/cret@host/callout", "cannot be read"),
        ("postgresql://user:s3cret@host:99999/callout", "cannot be read"),
        ("postgresql://user:s3cret@host/callout?s3=1", "has an option after"),
    ],
)
def test_says_what_is_wrong_but_never_the_address(address: str, says: str) -> None:
    with pytest.raises(database_url.BadDatabaseURL, match=says) as caught:
        database_url.check(address)
    assert "\n" not in str(caught.value)
    assert "s3" not in str(caught.value)
