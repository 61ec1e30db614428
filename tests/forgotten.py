"""Whether something is forgotten at once, not when Python happens to look for circles of objects."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def forgetting(*kinds: type, where: Callable[[object], bool] = lambda _: True) -> Iterator[None]:
    """Fails if objects of these kinds are in memory afterwards that were not there before.

    Garbage collection is off inside. What was there before is left out one by one, not counted: servers of
    other tests may still have connections, to a browser that stays open, and lose them meanwhile.
    """

    def there() -> list[object]:
        return [each for each in gc.get_objects() if isinstance(each, kinds) and where(each)]

    gc.collect()
    known = there()
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
        ids = {id(each) for each in known}
        assert not [each for each in there() if id(each) not in ids]
    finally:
        if collects:
            gc.enable()
