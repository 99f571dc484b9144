"""Everything that is stored of who sees what."""

from engage.models.experience import Experience, ExperienceKind, ExperienceSegment, Status
from engage.models.recorded_census import RecordedCensus
from engage.models.recorded_size import RecordedSize
from engage.models.segment import BuiltInSegment, ChangedMeanwhile, Segment, SegmentInUse, SegmentVersion

__all__ = [
    "BuiltInSegment",
    "ChangedMeanwhile",
    "Experience",
    "ExperienceKind",
    "ExperienceSegment",
    "RecordedCensus",
    "RecordedSize",
    "Segment",
    "SegmentInUse",
    "SegmentVersion",
    "Status",
]
