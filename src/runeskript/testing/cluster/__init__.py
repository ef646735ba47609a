"""Several workers on one store under a virtual clock and a seed: see :class:`Cluster`."""

from .report import Job, Report
from .world import Cluster

__all__ = ["Cluster", "Job", "Report"]
