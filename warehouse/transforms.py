"""The view assets: every file under `sql/`, one asset each, none of them ever touching MySQL."""

import time
import warnings
from collections.abc import Iterator

import dagster as dg

from warehouse.settings import Settings, load_settings
from warehouse.store import snapshots
from warehouse.store.io_manager import column_schema, part_of
from warehouse.tables import SOURCES
from warehouse.views import View, stored_versions, write_views


def build_views(views: list[View]) -> dg.AssetsDefinition:
    """Make one asset of each view. They run together, or any subset of them.

    The specs are virtual: a refreshed source does not make a view stale, for it holds no data;
    a changed file does.
    """
    # Virtual specs are a preview; what is used of them here is tested.
    warnings.filterwarnings("ignore", category=dg.PreviewWarning)
    names = {view.name for view in views}

    @dg.multi_asset(
        name="views",
        specs=[
            dg.AssetSpec(
                view.name,
                deps=sorted(view.reads & {*names, *SOURCES}),
                group_name=view.group,
                description=view.description,
                code_version=view.version,
                kinds={"duckdb", "sql", "view"},
                skippable=True,
                is_virtual=True,
            )
            for view in views
        ],
        can_subset=True,
    )
    def build(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        selected = {key.to_user_string() for key in context.selected_asset_keys}
        chosen = [view for view in views if view.name in selected]
        settings = load_settings()
        began = time.monotonic()
        written = _write(context, settings, views, chosen)
        seconds = time.monotonic() - began
        unchanged = len(chosen) - len(written)
        context.log.info(
            f"{len(written)} view{'s' * (len(written) != 1)} written in {seconds:.1f} s, "
            f"{unchanged} up to date: {', '.join(view.name for view in chosen)}. "
            "MySQL was not asked."
        )
        with snapshots.read(settings.path) as connection:
            for view in chosen:
                yield dg.MaterializeResult(
                    asset_key=view.name,
                    metadata={
                        "dagster/column_schema": column_schema(connection, view.name),
                        "dagster/table_name": f"warehouse.main.{view.name}",
                        "dagster/storage_kind": "duckdb",
                        "written": view.name in written,
                        "sql": dg.MetadataValue.md(f"```sql\n{view.sql}\n```"),
                    },
                )

    return build


def _write(
    context: dg.AssetExecutionContext, settings: Settings, views: list[View], chosen: list[View]
) -> list[str]:
    """Write a snapshot if any chosen view is not in the newest one as its file says."""
    with snapshots.read(settings.path) as connection:
        stored = stored_versions(connection)
    gone = stored.keys() - {view.name for view in views}
    if not gone and all(stored.get(view.name) == view.version for view in chosen):
        return []
    with snapshots.write(
        settings.path,
        keep=settings.keep_snapshots,
        memory_limit=settings.memory_limit,
        who=f"views, run {context.run.run_id}",
        part_of=part_of(context.run),
        say=context.log.info,
    ) as connection:
        return write_views(connection, views, only={view.name for view in chosen})
