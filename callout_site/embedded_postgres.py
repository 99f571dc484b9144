from pathlib import Path


def url(project: Path) -> str:
    return "postgresql://postgres@%2Ftmp%2Fx/postgres"
