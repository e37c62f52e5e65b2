from anchor_pipeline.mix.read import open_mix as open_mix
from anchor_pipeline.orchestration.component import AnchorProject as AnchorProject
from anchor_pipeline.orchestration.definitions import definitions_for as definitions_for
from anchor_pipeline.project import load_project as load_project

__version__: str
