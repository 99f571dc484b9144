"""Files of segments, their members and single users, as browsers and servers download them."""

import itertools

from django.http import JsonResponse, StreamingHttpResponse

from engage.members import as_csv
from engage.models import Segment
from identity.models import Application, Person


def members_csv(application: Application, segment: Segment) -> StreamingHttpResponse:
    """All users of a segment, piece by piece. What can't begin raises here, while it can still be said."""
    pieces = as_csv(application, segment.parsed_rules)
    first = next(pieces)
    response = StreamingHttpResponse(itertools.chain([first], pieces), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{segment.slug}.csv"'
    return response


def user_json(person: Person) -> JsonResponse:
    """All that is stored of a user, as a file."""
    # The id that the application gave could be anything, which no name of a file can.
    headers = {"Content-Disposition": f'attachment; filename="user-{person.pk}.json"'}
    return JsonResponse(person.stored, headers=headers, json_dumps_params={"ensure_ascii": False, "indent": 2})
