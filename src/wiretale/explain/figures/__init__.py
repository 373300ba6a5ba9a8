"""Figures drawn from rows: what happened when, as values. How they look is `show`'s affair."""

from wiretale.explain.figures.descriptors import descriptors
from wiretale.explain.figures.ladder import ladder
from wiretale.explain.figures.lanes import cpu_lanes, thread_lanes
from wiretale.explain.figures.states import states
from wiretale.explain.figures.waits import waits

__all__ = ["cpu_lanes", "descriptors", "ladder", "states", "thread_lanes", "waits"]
