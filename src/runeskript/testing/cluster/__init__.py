"""Several workers on one store under a virtual clock and a seed: see :class:`Cluster`."""

from .world import Cluster, Job, Report

__all__ = ["Cluster", "Job", "Report"]
