"""The two evaluators of a rule agree, for thousands of generated questions to each family of operators. Users are
handed over beside the statement instead of being written first; the statement is the one that finds them otherwise."""

import json
import uuid

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings

from engage.audience import condition, properties
from engage.operators import Moment
from engage.rules import Rule
from identity.models import Application, Person
from identity.values import Value, parse_instant
from tests.engage.families import FAMILIES, NOON, Question

pytestmark = pytest.mark.django_db

# Takes the place of the table for one statement, by its name.
PEOPLE = """
WITH identity_person AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS given (
        id uuid, application_id uuid, external_id text, email text, name text, traits jsonb,
        first_seen timestamptz, last_seen timestamptz
    )
) """


@pytest.mark.parametrize("family", FAMILIES)
def test_evaluators_agree(family: str) -> None:
    application = Application(name="Acme", slug="acme")

    @given(question=FAMILIES[family])
    @settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def agree(question: Question) -> None:
        application.time_zone = question.zone
        people = [somebody(application, number, question, value) for number, value in enumerate(question.values)]
        moment = Moment.at(question.now, application.zone)
        in_python = {
            (number, person.pk)
            for person in people
            for known in [properties(person)]
            for number, rule in enumerate(question.rules)
            if rule.matches(known, moment)
        }
        in_sql = matching_among(people, question.rules, moment)
        wrong = in_python ^ in_sql
        assert not wrong, [(question.rules[number], person) for number, person in wrong]

    agree()


def somebody(application: Application, number: int, question: Question, value: Value | None) -> Person:
    """A user who has the value as the trait of the question, as far as a built-in property can have it."""
    person = Person(
        id=uuid.UUID(int=number),
        application=application,
        external_id=f"user {number}",
        traits={},
        first_seen=NOON,
        last_seen=NOON,
    )
    text = value if isinstance(value, str) else ""
    if question.trait == "$id":
        person.external_id = text or person.external_id
    elif question.trait == "$email":
        person.email = text
    elif question.trait == "$name":
        person.name = text
    elif question.trait == "$first_seen":
        person.first_seen = parse_instant(text) or NOON
    elif value is not None:
        person.traits = {question.trait: value}
    return person


def matching_among(people: list[Person], rules: list[Rule], moment: Moment) -> set[tuple[int, uuid.UUID]]:
    """Who of the people matches which of the rules, all of them asked in one statement."""
    conditions = (condition((rule,), moment) for rule in rules)
    statement, parameters = Person.objects.values_list("id", *conditions).query.sql_with_params()
    given = [
        {field.attname: field.value_to_string(person) for field in Person._meta.concrete_fields}
        | {"traits": person.traits, "first_seen": str(person.first_seen)}
        for person in people
    ]
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE + statement, (json.dumps(given), *parameters))
        return {(number, key) for key, *matched in cursor.fetchall() for number, is_in in enumerate(matched) if is_in}
