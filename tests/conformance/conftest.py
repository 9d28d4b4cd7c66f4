from collections.abc import Iterator

import pytest

from tests.conformance.cases import Found
from tests.conformance.pool import Pool


@pytest.fixture(scope="session")
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    parameters = [item.callspec.params.get("found") for item in request.session.items if hasattr(item, "callspec")]
    pool = Pool([found for found in parameters if isinstance(found, Found)])
    yield pool
    pool.close()
