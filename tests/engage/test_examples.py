"""Which examples fit the traits of an application."""

from engage.examples import RECIPES, examples
from identity.values import Kind

KNOWN: dict[str, Kind | None] = {"$first_seen": Kind.DATE, "$last_seen": Kind.DATE}


def offered(kinds: dict[str, Kind | None], *texts: str) -> dict[str, str]:
    found = examples(KNOWN | kinds, lambda key: texts)
    return {example.slug: " and ".join(map(str, example.rules)) for example in found}


def test_examples_are_made_of_the_traits_that_there_are() -> None:
    assert offered({}) == {
        "new-this-week": "First seen is within the last 7 days",
        "inactive": "Last seen is longer ago than 30 days",
    }
    traits = {"Plan": Kind.STRING, "team_size": Kind.NUMBER, "trialEndsAt": Kind.DATE, "account.role": Kind.STRING}
    found = offered({**traits, "colour": Kind.STRING}, "Free", "pro", "OWNER")
    assert found["free-plan"] == "Plan is Free"
    assert found["large-teams"] == "team_size is at least 50"
    assert found["trial-ends-soon"] == "trialEndsAt is within the next 7 days"
    assert found["admins"] == "account.role is OWNER"


def test_no_example_asks_for_what_nobody_has() -> None:
    assert "free-plan" not in offered({"plan": Kind.STRING}, "gold", "silver")
    assert "large-teams" not in offered({"teamSize": Kind.STRING}, "11-50")
    assert "beta-testers" not in offered({"beta": None})


def test_every_recipe_makes_an_example() -> None:
    kinds: dict[str, Kind | None] = {recipe.traits[0]: recipe.kind for recipe in RECIPES}
    assert list(offered(kinds, "free", "admin")) == [recipe.slug for recipe in RECIPES]
