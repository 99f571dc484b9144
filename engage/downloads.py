"""Files of segments and their members, as browsers and servers download them."""

import itertools

from django.http import StreamingHttpResponse

from engage.members import as_csv
from engage.models import Segment
from identity.models import Application


def members_csv(application: Application, segment: Segment) -> StreamingHttpResponse:
    """All users of a segment, piece by piece. What can't begin raises here, while it can still be said."""
    pieces = as_csv(application, segment.parsed_rules)
    first = next(pieces)
    response = StreamingHttpResponse(itertools.chain([first], pieces), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{segment.slug}.csv"'
    return response
