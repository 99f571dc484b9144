"""What a DATABASE_URL must be, said before anything uses it: the settings would answer with a traceback."""

import dj_database_url

EXAMPLE = "postgresql://user:password@localhost:5432/callout"


class BadDatabaseURL(ValueError):
    """DATABASE_URL is no address of a PostgreSQL database. The message never shows it, for it may hold a password."""


def check(address: str) -> None:
    """Raise BadDatabaseURL, with what to do, unless `address` names a PostgreSQL database."""
    try:
        database = dj_database_url.parse(address)
    except dj_database_url.UnknownSchemeError:
        problem = "DATABASE_URL does not begin with postgresql://"
    except ValueError:
        problem = "DATABASE_URL cannot be read; write special characters in user and password as %40 and the like"
    else:
        if database["ENGINE"] != "django.db.backends.postgresql":
            problem = "Callout needs PostgreSQL, and DATABASE_URL names another kind of database"
        elif not database["NAME"]:
            problem = "DATABASE_URL names no database after the host"
        else:
            return
    raise BadDatabaseURL(f"{problem}. For example: {EXAMPLE}")
