"""The Dagster component `anchor_pipeline.AnchorProject`: a project.yaml among the definitions of a larger project.

What comes out is what `definitions_for` gives. Nothing is kept between two loads: a reload reads the declaration again.
"""

# No postponed annotations here: Dagster makes the schema of defs.yaml from the types of the fields.
from collections.abc import Sequence
from typing import Annotated
from weakref import WeakKeyDictionary

import dagster as dg
from dagster.components.core.defs_module import ComponentLoc

from anchor_pipeline.errors import AnchorError
from anchor_pipeline.orchestration.component_scaffold import ProjectScaffolder
from anchor_pipeline.orchestration.keys import prefix_of
from anchor_pipeline.project import load_project


class WrongDeclaration(dg.DagsterInvalidDefinitionError):
    """A component cannot be loaded; the message lists file, line and reason of each problem, and what to do."""


@dg.scaffold_with(ProjectScaffolder)
class AnchorProject(dg.Component, dg.Model, dg.Resolvable):
    """Training mixes that hold every declared rule, built from a project.yaml.

    Adds the assets of the project (sources, corpus, selections, mixes), one asset check per rule, the jobs that build
    the mixes, and their automation. Everything is named for the project, or under key_prefix, so that several
    projects can stand side by side.
    """

    project: Annotated[
        str,
        dg.Resolver.default(
            description="The project.yaml, or the folder that holds it. A relative path starts at the folder of "
            "this file.",
            examples=["project.yaml", "../../../../mixes/project.yaml", "{{ env.ANCHOR_PROJECT }}"],
        ),
    ] = "project.yaml"
    key_prefix: Annotated[
        str | Sequence[str] | None,
        dg.Resolver.default(
            description="What asset keys begin with, and other names after it: a list, or parts separated by /. "
            "Default: the name of the project. [] gives keys without a prefix, such as mix/pretrain.",
            examples=["research/assistant", ["research", "assistant"], []],
        ),
    ] = None

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """What the lists of components say beside the description."""
        return dg.ComponentTypeSpec(
            tags=["training-data", "data-quality"], produces=["asset", "asset_check", "job", "schedule", "sensor"]
        )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The definitions of the project. Raises WrongDeclaration."""
        from anchor_pipeline.orchestration.definitions import definitions_for

        folder = context.path if context.path.is_dir() else context.path.parent
        try:
            project = load_project(folder / self.project)
            prefix = (project.project,) if self.key_prefix is None else prefix_of(self.key_prefix)
        except AnchorError as error:
            # Not chained: the message is complete, and `dg` would print it once more.
            raise WrongDeclaration(f"the component at {folder} cannot be loaded:\n{error}") from None
        _claim(prefix, context)
        return definitions_for(project, key_prefix=prefix)


_CLAIMED: WeakKeyDictionary[object, dict[tuple[str, ...], ComponentLoc]] = WeakKeyDictionary()
"""Which component of a tree has which prefix. A reload makes a new tree, which starts with none."""


def _claim(prefix: tuple[str, ...], context: dg.ComponentLoadContext) -> None:
    """Raises WrongDeclaration if another component of the tree has the prefix: Dagster would only name a key."""
    claimed = _CLAIMED.setdefault(context.component_tree.state_tracker, {})
    here = context.component_loc
    other = claimed.setdefault(prefix, here)
    if other != here:
        first, second = (one.get_display_key(context.defs_module_path) for one in (other, here))
        keys = "/".join((*prefix, "mix"))
        raise WrongDeclaration(
            f"the components {first} and {second} would both name their mixes {keys}/…; give one of them another "
            "`key_prefix`, or its project another name. If both are meant to be the same project, remove one."
        )
