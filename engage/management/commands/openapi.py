import json
from typing import Any

from django.core.management.base import BaseCommand

from engage.management_api.api import document


class Command(BaseCommand):
    help = "Write the OpenAPI document of the management API to the console; docs/openapi.json is a copy of it."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(json.dumps(document(), ensure_ascii=False, indent=2))
