"""The declaration of a project: typed models, loading with line-numbered errors, JSON Schema."""

from anchor_pipeline.project.loading import load_project
from anchor_pipeline.project.models import Project

__all__ = ["Project", "load_project"]
