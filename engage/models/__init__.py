"""Everything that is stored of who sees what."""

from engage.models.recorded_size import RecordedSize
from engage.models.segment import BuiltInSegment, Segment

__all__ = ["BuiltInSegment", "RecordedSize", "Segment"]
