"""What several tests of real servers share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.servers import strange
from tests.servers.launch import KINDS

if TYPE_CHECKING:
    from tests.servers.launch import Database


@pytest.fixture(scope="session", params=KINDS)
def crowd(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Each kind of server with a schema of 200 tables, which takes seconds to make."""
    database: Database = request.getfixturevalue(request.param)
    database.start()
    strange.make_strange(database)
    yield database
    database.start()
    database.run(f"DROP DATABASE {strange.DATABASE}")
