"""Everything that is stored of who sees what."""

from engage.models.segment import BuiltInSegment, Segment

__all__ = ["BuiltInSegment", "Segment"]
