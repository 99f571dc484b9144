"""The traits that most products send first, and what each of them is good for: shown until the first one arrives."""

from dataclasses import dataclass

from identity.values import Kind


@dataclass(frozen=True, slots=True)
class Advice:
    key: str
    kind: Kind
    # As it stands in the snippet that sends it.
    example: str
    reason: str


GUIDE = (
    Advice(
        "plan",
        Kind.STRING,
        '"pro"',
        "Show upgrades to those on the free plan, and what is new to those who pay for it.",
    ),
    Advice("role", Kind.STRING, '"admin"', "Admins set things up, others join in: each gets a tour of their own."),
    Advice("company", Kind.STRING, '"Analytical Engines"', "Find everyone of one customer, and see who reports a bug."),
    Advice("signupDate", Kind.DATE, '"2026-08-15"', "Welcome people in their first week, and leave the others alone."),
    Advice("teamSize", Kind.NUMBER, "12", "Large teams need other help than people who are on their own."),
)
