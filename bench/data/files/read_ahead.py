"""Values that threads compute before they are asked for, in a fixed order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

K = TypeVar("K")
T = TypeVar("T")


def read_ahead(read: Callable[[K], T], keys: Iterable[K], ahead: int, threads: int) -> Iterator[T]:
    """Yield read(key) for each key in their order, whatever the number of threads.

    At most `ahead` values are computed or being computed and not yet yielded. An exception is raised where its value
    would come. When the iterator is closed, threads end after the value that they are at.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="read-ahead") as pool:
        waiting = deque[Future[T]]()
        try:
            for key in keys:
                waiting.append(pool.submit(read, key))
                if len(waiting) >= ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
