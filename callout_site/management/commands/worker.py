from typing import Any

from django.core.management.base import BaseCommand

from callout_site import background


class Command(BaseCommand):
    help = (
        "Do what takes longer than a page may, and what comes each hour: imports of files, sizes of segments. Run"
        " one or more beside the server; Ctrl-C ends it."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write("Worker started.")
        self.stdout.flush()
        background.work()
        self.stdout.write("Worker stopped.")
